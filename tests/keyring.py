"""Keys of a server, of a reader that is listed and of a stranger, in files as people have them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xspress3.stream.keys import make_keys
from xspress3.stream.security import CurveClient, CurveServer

__all__ = ["Keyring", "make_keyring"]


@dataclass(frozen=True)
class Keyring:
    """Paths of all keys below one directory."""

    directory: Path

    @property
    def clients(self) -> Path:
        return self.directory / "clients"

    def secret(self, name: str) -> Path:
        return self.directory / name / f"{name}.key_secret"

    def public(self, name: str) -> Path:
        return self.directory / name / f"{name}.key"

    @property
    def server(self) -> CurveServer:
        return CurveServer(self.secret("server"), self.clients)

    def client(self, name: str = "reader") -> CurveClient:
        return CurveClient(self.secret(name), self.public("server"))


def make_keyring(directory: Path) -> Keyring:
    """New keys below `directory`; `reader` is listed, `stranger` is not."""
    keyring = Keyring(directory)
    for name in ("server", "reader", "stranger"):
        make_keys(directory / name, name)
    keyring.clients.mkdir()
    (keyring.clients / "reader.key").write_text(keyring.public("reader").read_text())
    return keyring
