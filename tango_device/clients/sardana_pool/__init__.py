"""Controllers that Sardana's pool loads from here; see `doc/how-to/sardana.md`."""
