"""From a detector to the wire: the threads that acquire, send and answer, and who commands them.

::

    detector -> AcquireLoop -> [queue of slots] -> SendLoop -> zmq
                    |                                |
                    +-> LatestFrame -> MonitorServer -> zmq

Each loop runs in a thread of its own, owns what it uses, and ends within a bound.
"""

from xspress3.streamer.session import Counts, Session, Written
from xspress3.streamer.status import State, Status
from xspress3.streamer.streamer import Streamer

__all__ = ["Counts", "Session", "State", "Status", "Streamer", "Written"]
