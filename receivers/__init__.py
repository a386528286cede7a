"""Programs that read streams: file writer, printer, and what they share."""
