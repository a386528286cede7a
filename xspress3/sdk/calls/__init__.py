"""The functions of the table `_cdef.h` as methods, one module for each of its sections.

Each is a class without state that `xspress3.sdk.binding.Sdk` is put together from.
"""
