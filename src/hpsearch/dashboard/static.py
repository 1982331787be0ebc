"""The scripts of libraries: compressed once, kept in memory, and kept by browsers for a year."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass

from dash.fingerprint import check_fingerprint
from starlette.responses import JSONResponse, Response

from hpsearch.dashboard.live import Kept
from hpsearch.figures.plotly_js import plotly_js

_LEVEL = 6  # of nine: the rest makes Plotly a hundredth smaller, and takes three times as long
_MOST = 64  # files that are kept
_SMALLEST = 1000  # bytes that are worth compressing
_A_YEAR = "private, max-age=31536000, immutable"  # the name of a file says which version of it this is
PLOTLY = ("plotly", "package_data/plotly.min.js")  # Dash asks for it by itself where a page has no Plotly yet
_LARGE = (  # those of them that every page loads
    PLOTLY,
    ("dash_ag_grid", "dash_ag_grid.min.js"),
    ("dash_ag_grid", "async-community.js"),
    ("dash", "dcc/dash_core_components.js"),
    ("dash", "dash-renderer/build/dash_renderer.min.js"),
)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a library as it is sent.

    Attributes:
        packed: by gzip; None where that is not worth it.
        tag: another one for other bytes.
    """

    plain: bytes
    packed: bytes | None
    media_type: str
    tag: str


class LibraryFiles:
    """Answers requests for the files of libraries, those that Dash has offered and no others."""

    def __init__(self, offered: Mapping[str, set[str]]) -> None:
        self._offered = offered
        self._kept = Kept(_MOST)

    def prepare(self) -> None:
        """Pack the large files that every page loads, while the first browser is still on its way."""
        for package, name in _LARGE:
            self._file(package, name)

    def has(self, package: str, path: str) -> bool:
        """Whether a file has been read and packed."""
        return (package, check_fingerprint(path)[0]) in self._kept

    def answer(self, package: str, path: str, headers: Mapping[str, str]) -> Response:
        """The file, or that it has not changed, or that there is none.

        Args:
            path: within the package, with the fingerprint in its name or without.
            headers: of the request.
        """
        name, has_fingerprint = check_fingerprint(path)
        if name not in self._offered.get(package, ()):
            return JSONResponse({"error": "There is no such file."}, 404)
        file = self._file(package, name)
        packed = file.packed if "gzip" in headers.get("accept-encoding", "") else None
        tag = f'"{file.tag}{"" if packed is None else "-gzip"}"'
        about = {"ETag": tag, "Vary": "Accept-Encoding", "Cache-Control": _A_YEAR if has_fingerprint else "no-cache"}
        if tag in [one.strip().removeprefix("W/") for one in headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=about)
        if packed is None:
            return Response(file.plain, headers=about, media_type=file.media_type)
        return Response(packed, headers=about | {"Content-Encoding": "gzip"}, media_type=file.media_type)

    def _file(self, package: str, name: str) -> File:
        return self._kept.get((package, name), lambda: _read(package, name))


def _read(package: str, name: str) -> File:
    plain = plotly_js().encode() if (package, name) == PLOTLY else pkgutil.get_data(package, name) or b""
    packed = gzip.compress(plain, _LEVEL, mtime=0) if len(plain) >= _SMALLEST else None
    if packed is not None and len(packed) > 0.9 * len(plain):  # a picture, a font
        packed = None
    media_type = mimetypes.types_map.get("." + name.rpartition(".")[2], "application/octet-stream")
    return File(plain, packed, media_type, hashlib.sha256(plain).hexdigest()[:32])
