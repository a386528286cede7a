"""The live view: what a stream looks like just now, in any number of browsers."""
