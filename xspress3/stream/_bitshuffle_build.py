"""Compiles the interface of bitshuffle to the module `_bitshuffle`; used by setup.py only."""

from pathlib import Path

from cffi import FFI

ffibuilder = FFI()
ffibuilder.cdef(Path(__file__).with_name("_bitshuffle_cdef.h").read_text())
ffibuilder.set_source("xspress3.stream._bitshuffle", None)
