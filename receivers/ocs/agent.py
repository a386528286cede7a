"""The agent: what an operator starts, stops and looks at through OCS."""

from __future__ import annotations

import argparse
import math
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import txaio
from ocs import ocs_agent, site_config

from receivers.hdf5.leaving import leave_without_hdf5
from receivers.ocs.monitor import MAX_RATE, ChannelMonitor, ChannelSample, check_channels, check_rate
from receivers.ocs.options import AGENT_CLASS, make_agent, make_parser, monitored_endpoint
from receivers.recorder.agent import Agent
from xspress3.errors import ConfigurationError, Xspress3Error

__all__ = ["FEED", "OcsRecorder", "json_safe", "main", "make_parser"]

FEED = "detectors"
TURN = 0.1
SHOW_INTERVAL = 0.5
"""Seconds between two pictures of the status in `session.data`."""


class OcsRecorder:
    """Process `record`, tasks `set_monitored_channels` and `set_target_rate`, feed `detectors`.

    Parameters
    ----------
    agent
        Of OCS; log, feeds and nothing else of it are used.
    recorder
        Is started and stopped with the process, and goes on while there is no router.
    monitor
        Where samples of channels come from; without one the feed stays silent.
    """

    def __init__(self, agent: Any, recorder: Agent, monitor: ChannelMonitor | None = None) -> None:
        self.agent = agent
        self.log = agent.log
        self._recorder = recorder
        self._monitor = monitor
        self._stop = threading.Event()
        agent.register_feed(FEED, record=True, agg_params={"frame_length": 60}, buffer_time=1.0)

    def start_record(self, session: Any, params: Mapping[str, Any] | None = None) -> tuple[bool, str]:
        """record()

        **Process** - Record all streams until stopped. `session.data` holds what the recorder is doing,
        and `degraded` is set while data are lost or in danger.
        """
        self._stop.clear()
        self.log.info("recording begins")
        self._recorder.start()
        try:
            self._watch(session)
        finally:
            self._recorder.stop()
            if self._monitor is not None:
                self._monitor.close()
            self._show(session)
        return True, "Finished Recording"

    def stop_record(self, session: Any, params: Mapping[str, Any] | None = None) -> tuple[bool, str]:
        """Ask `record` to end."""
        session.set_status("stopping")
        self._stop.set()
        return True, "Stopping Recording"

    @ocs_agent.param("channels", type=list)
    def set_monitored_channels(self, session: Any, params: Mapping[str, Any]) -> tuple[bool, str]:
        """set_monitored_channels(channels)

        **Task** - Choose at most six channels whose count rates go to the feed; none with an empty list.
        """
        try:
            channels = check_channels(params["channels"])
        except ConfigurationError as error:
            return False, str(error)
        if self._monitor is None:
            return False, "There is no stream with channels to monitor"
        self._monitor.channels = channels
        return True, f"Set monitored channels to {list(channels)}"

    @ocs_agent.param("target_rate", type=float)
    def set_target_rate(self, session: Any, params: Mapping[str, Any]) -> tuple[bool, str]:
        """set_target_rate(target_rate)

        **Task** - Choose how many samples a second each channel gives, at most 10.
        """
        try:
            rate = check_rate(params["target_rate"])
        except ConfigurationError as error:
            return False, str(error)
        if self._monitor is None:
            return False, "There is no stream with channels to monitor"
        self._monitor.target_rate = rate
        return True, f"Set target rate to {rate:g} Hz"

    def _watch(self, session: Any) -> None:
        shown = -math.inf
        while not self._stop.is_set():
            if time.monotonic() - shown >= SHOW_INTERVAL:
                shown = time.monotonic()
                self._show(session)
            self._publish([] if self._monitor is None else self._monitor.read(TURN))
            if self._monitor is None or not self._monitor.channels:
                self._stop.wait(TURN)

    def _show(self, session: Any) -> None:
        snapshot = json_safe(self._recorder.snapshot())
        monitor = self._monitor
        session.data = {
            **snapshot,
            "monitored_channels": [] if monitor is None else list(monitor.channels),
            "target_rate": MAX_RATE if monitor is None else monitor.target_rate,
            "timestamp": time.time(),
        }
        session.degraded = bool(snapshot.get("is_degraded"))

    def _publish(self, samples: Sequence[ChannelSample]) -> None:
        for sample in samples:
            for name, value in sample.values.items():
                # The names in a block may never change, and one may have no value now: so each is a block.
                key = f"channel{sample.channel:04d}_{name}"
                message = {"block_name": key, "timestamps": [sample.time], "data": {key: [value]}}
                self.agent.publish_to_feed(FEED, message)


def json_safe(value: Any) -> Any:
    """`value` with `None` for numbers that JSON cannot say, which OCS would refuse all of it for."""
    if isinstance(value, Mapping):
        return {str(key): json_safe(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_safe(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def main(args: Sequence[str] | None = None) -> None:
    """Run the agent until it is told to end; the entry point of the plugin."""
    txaio.start_logging(level=os.environ.get("LOGLEVEL", "info"))
    arguments = site_config.parse_args(agent_class=AGENT_CLASS, parser=make_parser(), args=args)
    agent, runner = ocs_agent.init_site_agent(arguments)
    try:
        monitor = _make_monitor(arguments)
        recorders = make_agent(arguments, lambda line: agent.log.warning("{line}", line=line))
    except Xspress3Error as error:
        agent.log.error("{error}", error=error)
        sys.exit(error.exit_code)
    recorder = OcsRecorder(agent, recorders, monitor)
    agent.register_process(
        "record", recorder.start_record, recorder.stop_record, startup=arguments.auto_start
    )
    agent.register_task("set_monitored_channels", recorder.set_monitored_channels, blocking=False)
    agent.register_task("set_target_rate", recorder.set_target_rate, blocking=False)
    runner.run(agent, auto_reconnect=True)
    if recorders.is_broken:
        leave_without_hdf5(0)


def _make_monitor(arguments: argparse.Namespace) -> ChannelMonitor | None:
    endpoint = monitored_endpoint(arguments)
    if endpoint is None:
        return None
    monitor = ChannelMonitor(endpoint)
    monitor.target_rate = check_rate(arguments.target_rate)
    return monitor
