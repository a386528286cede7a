"""Compiles the interface of the slot ring to the module `_shm`; used by setup.py only."""

from pathlib import Path

from cffi import FFI

ffibuilder = FFI()
ffibuilder.cdef(Path(__file__).with_name("_cdef.h").read_text())
ffibuilder.set_source("xspress3.stream.shared._shm", None)
