"""Files of CURVE keys: made, read, listed. The format is that of the certificates of `zmq.auth`.

A pair is two files, `NAME.key` for everybody and `NAME.key_secret` for its owner only. No function here
puts a secret key into an error or a log.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import zmq
from zmq.utils import z85

from xspress3.errors import ConfigurationError

__all__ = ["KeyFile", "list_keys", "make_keys", "read_pair", "read_public", "read_public_keys"]

logger = logging.getLogger(__name__)

PUBLIC, SECRET = ".key", ".key_secret"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_LINE = re.compile(rb'^[ \t]*(public|secret)-key[ \t]*=[ \t]*"([^"\r\n]*)"[ \t]*\r?$', re.MULTILINE)
_MAX_FILE_BYTES = 4096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class KeyFile:
    """A public key by the name of its file, as Z85 text, and whether its secret key lies next to it."""

    name: str
    public_key: str
    has_secret: bool


def make_keys(directory: Path, name: str) -> tuple[Path, Path]:
    """Make a new pair in `directory`, which is made too when it is not there.

    Returns
    -------
    :
        The file of the public key, and that of the secret one, which only its owner can read.

    Raises
    ------
    ConfigurationError
        When the name cannot be, or there is a file of this name; that is left as it is.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"name {name!r}, allowed are letters, digits, '_', '-' and '.', up to 64")
    public, secret = directory / f"{name}{PUBLIC}", directory / f"{name}{SECRET}"
    for path in (public, secret):
        if path.exists():
            raise ConfigurationError(f"{path} is there already; take another name, or remove it yourself")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_pair(public, secret)
    except OSError as error:
        raise ConfigurationError(f"cannot make keys in {directory}: {error.strerror}") from None
    return public, secret


def _write_pair(public: Path, secret: Path) -> None:
    public_key, secret_key = (key.decode() for key in zmq.curve_keypair())
    made = f"#   made {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC by xspress3-streamer\n\n"
    curve = f'metadata\ncurve\n    public-key = "{public_key}"\n'
    _write_new(secret, f'{made}{curve}    secret-key = "{secret_key}"\n', 0o600)
    try:
        _write_new(public, made + curve, 0o644)
    except OSError:
        secret.unlink()
        raise


def _write_new(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def read_public(path: Path) -> bytes:
    """The public key in `path`, 32 bytes as Z85 text.

    Raises
    ------
    ConfigurationError
        When the file cannot be read or holds none.
    """
    return _read(path, is_secret=False)["public"]


def read_pair(path: Path) -> tuple[bytes, bytes]:
    """The public and the secret key in `path`, 32 bytes each as Z85 text.

    Raises
    ------
    ConfigurationError
        Also when others than the owner of the file may read or write it.
    """
    keys = _read(path, is_secret=True)
    return keys["public"], keys["secret"]


def _read(path: Path, *, is_secret: bool) -> dict[str, bytes]:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            said = file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise ConfigurationError(f"cannot read keys from {path}: {error.strerror}") from None
    if is_secret and mode & _OTHERS:
        raise ConfigurationError(
            f"{path} has mode {mode:o}, so that others than its owner can use this secret key; "
            f"allowed is 600: chmod 600 {path}"
        )
    keys = {kind.decode(): key for kind, key in _LINE.findall(said)}
    for kind in ("public", "secret") if is_secret else ("public",):
        if not _is_key(keys.get(kind, b"")):
            raise ConfigurationError(f"{path} holds no {kind} key; `xspress3 keys make` makes such files")
    return keys


def _is_key(said: bytes) -> bool:
    try:
        return len(said) == 40 and len(z85.decode(said)) == 32
    except (KeyError, ValueError):
        return False


def read_public_keys(directory: Path) -> dict[bytes, str]:
    """Names of the public keys in `directory`; files that hold none are passed over, and logged.

    Raises
    ------
    ConfigurationError
        When the directory cannot be read, or everybody may write into it.
    """
    try:
        mode = stat.S_IMODE(directory.stat().st_mode)
        paths = sorted(path for path in directory.iterdir() if path.suffix == PUBLIC and path.is_file())
    except OSError as error:
        raise ConfigurationError(f"cannot read the directory of keys {directory}: {error.strerror}") from None
    if mode & stat.S_IWOTH:
        raise ConfigurationError(
            f"{directory} has mode {mode:o}, so that everybody can add a key; chmod o-w {directory}"
        )
    keys = {}
    for path in paths:
        try:
            keys[read_public(path)] = path.stem
        except ConfigurationError as error:
            logger.warning("passed over: %s", error)
    return keys


def list_keys(directory: Path) -> list[KeyFile]:
    """The public keys in `directory`, in the order of their names."""
    names = sorted((name, key.decode()) for key, name in read_public_keys(directory).items())
    return [KeyFile(name, key, (directory / f"{name}{SECRET}").exists()) for name, key in names]
