"""The device properties as the configurations that our layers take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xspress3 import sim
from xspress3.config import LOOPBACK, DetectorConfig, StreamerConfig, key_values
from xspress3.errors import ConfigurationError

__all__ = ["DEFAULT_CONFIG_PATH", "SIMULATOR", "Properties"]

SIMULATOR = "sim"
DEFAULT_CONFIG_PATH = "/home/xspress3/settings"
_DIALECTS = ("native", "multipart", "legacy")


@dataclass(frozen=True)
class Properties:
    """What the database says of the device; see the properties of `Xspress3DS` for their meaning."""

    stream_id: str = "xspress3"
    library: str = ""
    config_path: str = ""
    base_ip: str = ""
    base_port: int = -1
    base_mac: str = ""
    cards: int = 1
    channels: int = 0
    ring_frames: int = 16384
    interface: str = LOOPBACK
    streamer_port: int = 9999
    monitor_port: int = 9998
    dialect: str = "native"
    dialect_port: int = 0
    compression: str = "bslz4"
    required_receivers: tuple[str, ...] = ()
    slow_reader: str = "wait"
    curve_keys: str = ""
    allowed_directories: tuple[str, ...] = ()
    event_widths: tuple[int, ...] = ()
    sim_description: tuple[str, ...] = ()
    memorized: tuple[str, ...] = ()
    keeps_file_name: bool = False

    @property
    def is_simulated(self) -> bool:
        """Whether the detector is the simulator."""
        return self.library == SIMULATOR

    @property
    def settings_directory(self) -> str | None:
        """Where the calibration is, `None` for none; the simulator needs none."""
        is_default = self.config_path == DEFAULT_CONFIG_PATH
        return None if not self.config_path or (self.is_simulated and is_default) else self.config_path

    def detector_config(self) -> DetectorConfig:
        """How to reach the detector.

        Raises
        ------
        ConfigurationError, LibraryError
            Naming the property that cannot be.
        """
        if self.sim_description and not self.is_simulated:
            raise ConfigurationError("SimDescription goes with Library = sim only")
        library = str(sim.library_path()) if self.is_simulated else self.library or None
        return DetectorConfig.from_environment(
            library=library,
            base_ip=self.base_ip or None,
            base_port=self.base_port,
            base_mac=self.base_mac or None,
            n_cards=self.cards,
            n_channels=self.channels or None,
            ring_frames=self.ring_frames,
            settings=self.settings_directory,
        )

    def sim_environment(self) -> dict[str, str]:
        """Environment variables that tell the simulator what `sim_description` says.

        Raises
        ------
        ConfigurationError
            When that cannot be.
        """
        return sim.environment(**key_values(self.sim_description, "SimDescription"))

    def streamer_config(self) -> StreamerConfig:
        """How frames leave.

        Raises
        ------
        ConfigurationError
            For a value that cannot be.
        """
        if self.dialect not in _DIALECTS:
            raise ConfigurationError(f"StreamDialect: {self.dialect!r}, allowed is {', '.join(_DIALECTS)}")
        return StreamerConfig(
            stream_id=self.stream_id,
            interface=self.interface,
            monitor_port=self.monitor_port,
            compression=self.compression,
            required_readers=self.required_receivers,
            slow_reader=self.slow_reader,
            **self._ports(),
            **self._server_keys(),
        )

    def _ports(self) -> dict[str, Any]:
        """Who listens where: an old dialect takes the port that its readers know, unless it has its own."""
        if self.dialect == "native":
            return {"data_port": self.streamer_port}
        if self.dialect_port:
            return {"data_port": self.streamer_port, "old_dialects": {self.dialect: self.dialect_port}}
        return {"data_port": 0, "old_dialects": {self.dialect: self.streamer_port}}

    def _server_keys(self) -> dict[str, Any]:
        if not self.curve_keys:
            return {}
        folder = Path(self.curve_keys)
        return {
            "curve_secret_key": str(folder / "server.key_secret"),
            "curve_allowed_keys": str(folder / "clients"),
        }

    def writer_keys(self) -> tuple[Path, Path] | None:
        """Secret key of the built-in writer and public key of the stream, `None` without keys."""
        if not self.curve_keys:
            return None
        folder = Path(self.curve_keys)
        return folder / "writer.key_secret", folder / "server.key"

    def directories(self) -> list[Path]:
        """Directories below which files may be made; empty allows all."""
        for path in self.allowed_directories:
            if not Path(path).is_absolute():
                raise ConfigurationError(f"AllowedDirectories: {path!r}, allowed are absolute paths")
        return [Path(path) for path in self.allowed_directories]
