"""The old dialects, in which readers made for earlier senders are served.

::

    series:     header, then frames, then series_end         each a JSON object with `htype`
    multipart   a frame is one message [JSON, spectra, scalers]
    legacy      a frame is three messages of one part each

Our own dialect is not here: it is what `xspress3.stream.codec` says. `old_form` makes messages of
sessions, `reader` reads them back, `publisher` sends them. Pickles, in which the scalers travel, are
put together by `pickle_bytes` and taken apart by `pickle_reader`; none is ever loaded.
"""

from xspress3.errors import ConfigurationError
from xspress3.stream.dialects.legacy import LegacyDialect
from xspress3.stream.dialects.multipart import MultipartDialect
from xspress3.stream.dialects.old_form import OldForm
from xspress3.stream.dialects.publisher import DialectPublisher
from xspress3.stream.dialects.reader import DialectReader, Frame, Said, SeriesEnd, SeriesHeader

__all__ = [
    "OLD_DIALECTS",
    "DialectPublisher",
    "DialectReader",
    "Frame",
    "LegacyDialect",
    "MultipartDialect",
    "OldForm",
    "Said",
    "SeriesEnd",
    "SeriesHeader",
    "old_dialect",
]

OLD_DIALECTS = ("multipart", "legacy")


def old_dialect(name: str) -> OldForm:
    """The dialect of that name.

    Raises
    ------
    ConfigurationError
        For any name but those of `OLD_DIALECTS`.
    """
    for kind in (MultipartDialect, LegacyDialect):
        if kind.name == name:
            return kind()
    raise ConfigurationError(f"dialect: {name!r}, allowed are {' and '.join(map(repr, OLD_DIALECTS))}")
