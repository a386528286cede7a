"""Arming, following and stopping: how far the device is, counted over all sessions of a run.

A run of bluesky is a session for each trigger, appended to one file, or one session for a whole fly scan::

    triggers     |-- 0 --|-- 1 --|- 2 x|-- 2 --|-- 3 --|    x: paused; taken again after it
    frames       0 1 2 3 | 4 5 6 7 |   | 8 9 ...
    files        NAME.h5, rows from 0  | NAME_1.h5, rows from 0

Frames that no event has, as those of a trigger that was taken again, are left in a file of which the rest of
the run is no continuation: so events and rows never part.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any, Protocol

from ophyd_async.core import (
    DetectorAcquireLogic,
    SignalR,
    SignalRW,
    TriggerableCommand,
    soft_signal_r_and_setter,
)

__all__ = ["AcquiringLogic", "DeviceCommands", "Part", "SessionEndedError"]

logger = logging.getLogger(__name__)

LOOK_INTERVAL = 0.01
"""Seconds between two looks at a device that runs; a look is one call of less than a millisecond."""
STOP_TIME = 30.0
"""Seconds in which a device that was told to stop closes its file."""
_LOOKED_AT = ["State", "SessionId", "nFramesWritten", "nFramesLost", "LastFile", "FramesPerBlock"]


class SessionEndedError(RuntimeError):
    """The device cannot take, or has not taken, the frames that were wanted."""


class DeviceCommands(Protocol):
    """What of the device is used here."""

    Arm: TriggerableCommand
    SoftwareTrigger: TriggerableCommand
    Stop: TriggerableCommand
    DestinationFileName: SignalRW[str]

    def get_proxy(self) -> Any:
        """The asynchronous proxy, once it is connected."""


@dataclass(frozen=True)
class _Look:
    """How far the session of the device is."""

    state: str
    session_id: int
    written: int
    lost: int
    file: str
    frames_per_block: int

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come, and the file is closed."""
        return self.state not in ("RUNNING", "INIT")


@dataclass(frozen=True)
class Part:
    """A file of the run.

    Parameters
    ----------
    first
        Frame of the run that is its row 0.
    n_planned, frames_per_block
        Frames of the session that began it, and of a full block of that: chunks are made for them.
    """

    path: str
    first: int
    n_planned: int
    frames_per_block: int


class AcquiringLogic(DetectorAcquireLogic):
    """Begins sessions and follows them.

    Attributes
    ----------
    frames
        Frames of the run that are in its files, on the disk.
    parts
        The files, in the order in which they were begun.
    n_before
        Frames of the run that sessions before this one gave.
    n_emitted
        Frames of the run that documents were made of.
    """

    def __init__(self, device: DeviceCommands) -> None:
        self._device = device
        self.frames: SignalR[int]
        self.frames, self._tell = soft_signal_r_and_setter(int, getter=self._count)
        self._n_wanted = 0
        self._is_by_software, self._is_flying = True, False
        self.begin_run("")

    def begin_run(self, file_name: str) -> None:
        """Count from 0 again, for files of that name."""
        self.parts: list[Part] = []
        self.n_emitted = self.n_before = 0
        self._file_name, self._session_file = file_name, ""
        self._is_armed = self._is_stopping = False
        self._session_id = 0

    async def begin_preparing(self, n_frames: int, *, by_software: bool) -> None:
        """Note what the next sessions will be; one that runs still, as after a pause, is given up."""
        if self._is_armed and (self._is_stopping or not (await self._look()).is_over):
            await self._give_up_unread()
        self._n_wanted, self._is_by_software, self._is_flying = n_frames, by_software, False

    def begin_flying(self) -> None:
        """Note that the session is not taken again, trigger by trigger."""
        self._is_flying, self._is_stopping = True, False

    @property
    def is_stepping(self) -> bool:
        """Whether each trigger is a session of its own, which can be taken again."""
        return self._is_by_software and not self._is_flying

    # What ophyd-async calls

    async def ensure_ready(self) -> None:
        """Come to rest before a run; raises `SessionEndedError` when the device cannot."""
        await self.ensure_stopped()
        self.begin_run("")
        if (await self._look()).state != "STANDBY":
            raise SessionEndedError(f"{await self._status()}; allowed is STANDBY")

    async def start_acquiring(self) -> None:
        """Begin a session and, where software triggers it, its frames."""
        if self.is_stepping:
            await self._give_up_unread()
        self.n_before, self._session_file = await self._count(), ""
        self._is_armed = self._is_stopping = False
        await self._device.Arm.trigger()
        self._is_armed, self._session_id = True, (await self._look()).session_id
        if self._is_stopping:  # asked for meanwhile
            await self.ensure_stopped()
        elif self._is_by_software:
            await self._trigger()

    async def _trigger(self) -> None:
        try:
            await self._device.SoftwareTrigger.trigger()
        except RuntimeError:  # what ophyd-async makes of a refusal
            if not self._is_stopping:
                raise

    async def wait_for_idle(self) -> None:
        """Wait for the file to be closed; raises `SessionEndedError` when frames of a trigger are missing."""
        look = await self._rest(None)
        if self._is_stopping:
            return
        if look.state != "STANDBY":
            raise SessionEndedError(await self._status())
        if look.lost and self.is_stepping:
            raise SessionEndedError(f"{look.lost} frames were lost: {await self._status()}")
        if look.lost:
            logger.warning("%d frames were lost; their rows in %s are marked", look.lost, look.file)

    async def ensure_stopped(self) -> None:
        """Stop what runs, and wait for its file to be closed."""
        self._is_stopping = True
        await self._device.Stop.trigger()
        await self._rest(STOP_TIME)

    # Following

    async def follow(self, target: int) -> bool:
        """Whether frame `target` of the run came into a file; false when we stopped the session ourselves.

        Raises
        ------
        SessionEndedError
            When the device ended the session, or another client did.
        """
        told = -1
        while not self._is_stopping:
            look = await self._look()
            n_frames = self._count_of(look)
            if n_frames != told or self._is_by_software:  # who waits for an input may run into a timeout
                self._tell(n_frames)
                told = n_frames
            if n_frames >= target:
                return True
            if look.is_over and not self._is_stopping:
                n, wanted = n_frames - self.n_before, target - self.n_before
                raise SessionEndedError(f"{n} of {wanted} frames are in the file: {await self._status()}")
            await asyncio.sleep(LOOK_INTERVAL)
        return False

    async def _rest(self, timeout: float | None) -> _Look:
        """The device once its session is over."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not (look := await self._look()).is_over:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"not at rest after {timeout} s: {await self._status()}")
            await asyncio.sleep(LOOK_INTERVAL)
        return look

    async def _count(self) -> int:
        return self._count_of(await self._look()) if self._is_armed else self.n_before

    def _count_of(self, look: _Look) -> int:
        """Frames of the run that are in files; lost ones have rows, too, once all others are there."""
        if look.session_id != self._session_id:  # its frames may be in our file
            raise SessionEndedError(
                f"session {look.session_id} of another client follows session {self._session_id} of this run"
            )
        n_rows = look.written
        if look.lost and (look.is_over or look.written + look.lost >= self._n_wanted):
            n_rows += look.lost
        if look.written:
            self._note_file(look)
        return self.n_before + n_rows

    def _note_file(self, look: _Look) -> None:
        """Remember the file of the session: mostly that of the one before, to which it was appended."""
        path = look.file
        if path == self._session_file:
            return
        if self._session_file:
            raise SessionEndedError(f"{self._session_file} was left in mid-session for {path}")
        self._session_file = path
        if not self.parts or self.parts[-1].path != path:
            if any(part.path == path for part in self.parts):  # then nobody knows what its rows are
                raise SessionEndedError(f"{path} was gone on with, after {self.parts[-1].path}")
            self.parts.append(Part(path, self.n_before, self._n_wanted, look.frames_per_block))

    async def _give_up_unread(self) -> None:
        """Leave frames that no event will have in their file, and begin another."""
        if not self._is_armed:
            return
        if not (await self._look()).is_over:
            await self.ensure_stopped()
        if await self._count() > self.n_emitted:
            await self._device.DestinationFileName.set(self._file_name)
            self.n_before, self._is_armed = self.n_emitted, False

    async def _look(self) -> _Look:
        look = await self._ask()
        return await self._ask() if look.is_over else look  # counters may have been read before the state

    async def _ask(self) -> _Look:
        read = await self._device.get_proxy().read_attributes(_LOOKED_AT)
        state, session_id, written, lost, file, per_block = (one.value for one in read)
        return _Look(state.name, int(session_id), int(written), int(lost), str(file), int(per_block))

    async def _status(self) -> str:
        text: str = await self._device.get_proxy().status()
        return text.replace("\n", "; ")
