"""The device as a detector of `ophyd-async`, for step and fly scans of `bluesky`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ophyd_async.core import (
    Array1D,
    AsyncStatus,
    DetectorDataLogic,
    DetectorTriggerLogic,
    PathProvider,
    SignalDataProvider,
    SignalDict,
    SignalR,
    SignalRW,
    StandardDetector,
    StreamableDataProvider,
    TriggerableCommand,
    WatcherUpdate,
)
from ophyd_async.tango.core import TangoDevice

from tango_device.clients.ophyd.acquiring import AcquiringLogic
from tango_device.clients.ophyd.documents import SPECTRA, FileProvider, Quantity
from tango_device.clients.pauses import SHORTEST_PAUSE, check_pause

__all__ = ["OphydXspress3"]

PER_CHANNEL = (
    ("dead_time_correction", "<f8", ""),
    ("in_window0", "<u4", "counts"),
    ("in_window1", "<u4", "counts"),
    ("in_window0_corrected", "<f8", "counts"),
    ("in_window1_corrected", "<f8", "counts"),
)
"""Datasets of the file that events have beside the spectra: name, type, unit."""


class OphydXspress3(TangoDevice, StandardDetector):
    """An Xspress3 behind its Tango device::

        with init_devices():
            xs = OphydXspress3("lab/xspress3/1", path_provider, name="xs")
        RE(bp.scan([xs], motor, 0, 1, 11))

    Every attribute of the device is a signal, every command a command, under its name there.

    Parameters
    ----------
    trl
        Name of the device, or its full address.
    path_provider
        Tells where each run has its file, without the ending `.h5`. The directory must exist.
    """

    Arm: TriggerableCommand
    SoftwareTrigger: TriggerableCommand
    Stop: TriggerableCommand
    ExposureTime: SignalRW[float]
    LatencyTime: SignalRW[float]
    nTriggers: SignalRW[int]
    nFramesPerTrigger: SignalRW[int]
    TriggerMode: SignalRW[str]
    DestinationFileName: SignalRW[str]
    DestinationFileOverwritable: SignalRW[bool]
    WriteHdf5: SignalRW[bool]
    ReadoutTime: SignalR[float]
    Window1Sum: SignalR[Array1D[np.float64]]
    Window2Sum: SignalR[Array1D[np.float64]]
    Window1SumCorrected: SignalR[Array1D[np.float64]]
    Window2SumCorrected: SignalR[Array1D[np.float64]]

    def __init__(
        self, trl: str, path_provider: PathProvider, name: str = "", support_events: bool = False
    ) -> None:
        super().__init__(trl, name=name, support_events=support_events)
        self._acquiring = AcquiringLogic(self)
        sums = (self.Window1Sum, self.Window2Sum, self.Window1SumCorrected, self.Window2SumCorrected)
        self.add_detector_logics(
            _TriggeringLogic(self, self._acquiring),
            self._acquiring,
            _FileLogic(self, self._acquiring, path_provider),
            *(_SignalLogic(signal) for signal in sums),
        )

    def kickoff(self) -> AsyncStatus:
        """Begin a fly scan that was prepared."""
        self._acquiring.begin_flying()
        return super().kickoff()

    async def pause(self) -> None:
        """Stop the session; its trigger is taken again when the plan goes on."""
        await self._acquiring.ensure_stopped()

    async def resume(self) -> None:
        """Do nothing: the plan triggers again what it had not read."""

    async def _wait_for_index(self, *arguments: Any, **options: Any) -> AsyncIterator[WatcherUpdate[int]]:
        """As the base class does, but no longer than the device goes on."""
        if self._acquiring.is_stepping:  # frames counted before may have been given up since
            options["initial_collections_written"] = self._acquiring.n_before
        target = options["initial_collections_written"] + options["collections_requested"]
        updates = super()._wait_for_index(*arguments, **options)
        async for update in _while_it_runs(updates, self._acquiring.follow(target)):
            yield update


async def _while_it_runs(
    updates: AsyncGenerator[WatcherUpdate[int], None], following: Awaitable[bool]
) -> AsyncIterator[WatcherUpdate[int]]:
    """Give `updates` until they end, or until `following` is false or raises."""
    follow = asyncio.ensure_future(following)
    try:
        while True:
            update = asyncio.ensure_future(anext(updates, None))
            await asyncio.wait({update, follow}, return_when=asyncio.FIRST_COMPLETED)
            if follow.done() and (follow.exception() or not follow.result()):
                update.cancel()
                await asyncio.wait({update})
                follow.result()
                return
            told = await update
            if told is None:
                return
            yield told
    finally:
        follow.cancel()
        await updates.aclose()


@dataclass
class _TriggeringLogic(DetectorTriggerLogic):
    """Writes the set points that a way of triggering needs."""

    device: OphydXspress3
    acquiring: AcquiringLogic

    def config_sigs(self) -> set[SignalR[Any]]:
        device = self.device
        return {device.ExposureTime, device.LatencyTime, device.TriggerMode, device.ReadoutTime}

    def get_deadtime(self, config_values: SignalDict) -> float:
        return float(max(config_values[self.device.ReadoutTime], config_values[self.device.LatencyTime]))

    async def prepare_internal(self, num: int, livetime: float, deadtime: float) -> None:
        if num > 1:
            check_pause("deadtime", deadtime)
        await self.acquiring.begin_preparing(num, by_software=True)
        await self._set_times(livetime, deadtime)
        await self._set_triggers("SOFTWARE", 1, num)

    async def prepare_edge(self, num: int, livetime: float) -> None:
        await self.acquiring.begin_preparing(num, by_software=False)
        await self._set_times(livetime, 0.0)
        await self._set_triggers("EXTERNAL_MULTI", num, 1)

    async def prepare_level(self, num: int) -> None:
        await self.acquiring.begin_preparing(num, by_software=False)
        await self._set_triggers("EXTERNAL_MULTI_GATE", num, 1)

    async def _set_triggers(self, mode: str, n_triggers: int, n_frames: int) -> None:
        await self.device.TriggerMode.set(mode)
        await self.device.nTriggers.set(n_triggers)
        await self.device.nFramesPerTrigger.set(n_frames)

    async def _set_times(self, livetime: float, deadtime: float) -> None:
        """Write period and pause; the device's exposure time is the period, with the pause in it."""
        if not (livetime or deadtime):
            return
        pause = max(deadtime, SHORTEST_PAUSE)
        if not livetime:
            period, before = await asyncio.gather(
                self.device.ExposureTime.get_value(), self.device.LatencyTime.get_value()
            )
            livetime = period - max(before, SHORTEST_PAUSE)
        await self.device.ExposureTime.set(livetime + pause)
        await self.device.LatencyTime.set(pause)


@dataclass
class _FileLogic(DetectorDataLogic):
    """Names the file of each run."""

    device: OphydXspress3
    acquiring: AcquiringLogic
    path_provider: PathProvider

    async def prepare_unbounded(self, datakey_name: str) -> StreamableDataProvider:
        info = self.path_provider(datakey_name)
        name = str(info.directory_path / f"{info.filename}.h5")
        await self.device.WriteHdf5.set(True)
        await self.device.DestinationFileOverwritable.set(False)  # each session would replace the one before
        await self.device.DestinationFileName.set(name)
        self.acquiring.begin_run(name)
        shape = (await self.device.get_proxy().read_attribute("LastFrame")).value.shape
        quantities = self._quantities(datakey_name, shape)
        return FileProvider(self.acquiring, quantities, info.directory_uri, self.device.get_trl())

    def _quantities(self, data_key: str, shape: tuple[int, ...]) -> list[Quantity]:
        quantities = [Quantity(data_key, SPECTRA, "<u4", shape, "counts")]
        for name, dtype, units in PER_CHANNEL:
            quantities.append(Quantity(f"{data_key}-{name}", name, dtype, shape[:1], units))
        return quantities

    async def stop(self) -> None:
        """Forget the name: what other clients take must not be appended to the file of the run."""
        await self.device.DestinationFileName.set("")


@dataclass
class _SignalLogic(DetectorDataLogic):
    """Reads an attribute at each point of a step scan."""

    signal: SignalR[Any]

    async def prepare_single(self, datakey_name: str) -> SignalDataProvider:
        return SignalDataProvider(self.signal)
