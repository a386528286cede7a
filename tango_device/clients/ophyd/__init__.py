"""A detector of `ophyd-async`, for plans of `bluesky`; `detector.OphydXspress3` is what plans use."""
