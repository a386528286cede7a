"""Controllers that Sardana's pool loads from here; see `doc/sardana.md`."""
