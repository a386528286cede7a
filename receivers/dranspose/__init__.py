"""Xspress3 streams for dranspose: an ingester, and a worker and a reducer for live maps.

The names are those that its command line is given::

    dranspose ingester -n xspress3 -c receivers.dranspose:Xspress3Ingester -u tcp://127.0.0.1:9999
    dranspose worker -c receivers.dranspose:XrfMapWorker
    dranspose reducer -c receivers.dranspose:XrfMapReducer

Only the modules `ingester` and `parameters` need dranspose; they are imported when they are asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["XrfMapReducer", "XrfMapWorker", "Xspress3Ingester"]

_MODULES = {"Xspress3Ingester": "ingester", "XrfMapWorker": "worker", "XrfMapReducer": "reducer"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
