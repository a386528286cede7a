"""HDF5 files of sessions: `naming`, `columns` and `layout` say what, `writer` writes, `summary` reads back.

Only the modules that open files import h5py, so this package can be imported without it.
"""
