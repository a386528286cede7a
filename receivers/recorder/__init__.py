"""An agent that never stops: it records every session of its streams, whatever happens to either side.

streams -> agent, loop -> sink -> recording -> receivers.hdf5, receivers.sessions.index
web, display -> agent           recording -> rules, names, held
status is known to all of them, and knows none
"""
