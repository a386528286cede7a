"""The files that make up the page: ours, and the plotting library from the package that carries it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from xspress3.errors import ConfigurationError

__all__ = ["Asset", "load_assets"]

PAGE = Path(__file__).parent / "page"
INDEX = "index.html"
LIBRARY_PACKAGE = "uplot-python"
"""Carries uPlot; only its files are used, it is never imported, for it would bring IPython along."""
LIBRARY_FILES = {
    "/library/uPlot.js": "uplot/static/uPlot.iife.js",
    "/library/uPlot.css": "uplot/static/uPlot.min.css",
}
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """One file as a browser gets it."""

    content: bytes
    media_type: str


def load_assets() -> Mapping[str, Asset]:
    """Every file of the page by the path of its URL; `/` is the page itself.

    Raises
    ------
    ConfigurationError
        When the plotting library is not installed, or lacks a file.
    """
    found = {"/": _asset(PAGE / INDEX)}
    found.update((f"/{path.relative_to(PAGE).as_posix()}", _asset(path)) for path in _page_files())
    found.update((url, _asset(path)) for url, path in _library_files())
    return found


def _page_files() -> Iterator[Path]:
    return (path for path in sorted(PAGE.rglob("*")) if path.suffix in MEDIA_TYPES)


def _library_files() -> Iterator[tuple[str, Path]]:
    try:
        package = distribution(LIBRARY_PACKAGE)
    except PackageNotFoundError as error:
        raise ConfigurationError(
            f"{LIBRARY_PACKAGE} is missing: pip install '.[view]' in a clone of xspress3-streamer"
        ) from error
    for url, name in LIBRARY_FILES.items():
        path = Path(str(package.locate_file(name)))
        if not path.is_file():
            raise ConfigurationError(f"{LIBRARY_PACKAGE} {package.version} has no {name}")
        yield url, path


def _asset(path: Path) -> Asset:
    return Asset(path.read_bytes(), MEDIA_TYPES[path.suffix])
