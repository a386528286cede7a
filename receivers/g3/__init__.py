"""Records streams of G3 frames: what a `G3NetworkSender` sends goes into `.g3` files as it came.

Arrows: recorder > loop > intake > room, sessions > session > series > g3_file > framing > frame.
Neither recording nor reading a status needs spt3g: `framing` and `frame` know as much of the format
as that takes. The checksums need the package google-crc32c (extra `g3`).
"""
