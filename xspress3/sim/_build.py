"""Compiles the table of the simulator's controls to the module `_sim`; used by setup.py only."""

from pathlib import Path

from cffi import FFI

ffibuilder = FFI()
ffibuilder.cdef(Path(__file__).with_name("_cdef.h").read_text())
ffibuilder.set_source("xspress3.sim._sim", None)
