"""A worker and a reducer that also take events of the old dialect, read with dranspose's own parser."""

from __future__ import annotations

from receivers.dranspose.reducer import XrfMapReducer
from receivers.dranspose.worker import XrfMapWorker


class OldWorker(XrfMapWorker):
    def process_event(self, event, parameters=None, tick=False):
        for stream in event.streams.values():
            if stream.typ == "xspress":
                return self._old(stream)
        return super().process_event(event, parameters)

    def _old(self, stream):
        from dranspose.middlewares import xspress

        packet = xspress.parse(stream)
        if not hasattr(packet, "data"):
            return [("old", packet.htype, 0)]
        return [("old", str(packet.frame), int(packet.data.sum(dtype="u8")))]


class OldReducer(XrfMapReducer):
    def __init__(self, **context):
        super().__init__(**context)
        self.publish["old"] = {}

    def process_result(self, result, parameters=None):
        ours = [said for said in result.payload if not isinstance(said, tuple)]
        for said in result.payload:
            if isinstance(said, tuple):
                self.publish["old"][said[1]] = said[2]
        result.payload = ours
        super().process_result(result, parameters)
