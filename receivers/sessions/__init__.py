"""Sessions as a whole: which files they have, what those hold, what is missing.

Arrows: loader, verify, recover, status -> session -> part, find -> index. Only `loader` needs xarray,
the extra `load`; nothing here writes to a file that holds data.
"""
