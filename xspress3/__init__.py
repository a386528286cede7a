"""Data acquisition for Xspress3 detectors: the server side and the shared core."""
