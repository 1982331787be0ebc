"""The whole application: pages, API and library scripts, behind one guard."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Collection
from importlib.metadata import version
from typing import Any

import dash
from dash.fingerprint import build_fingerprint
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hpsearch.dashboard import api, pages
from hpsearch.dashboard.address import is_page
from hpsearch.dashboard.backend import Backend, asking_page
from hpsearch.dashboard.guard import Guard
from hpsearch.dashboard.live import Live
from hpsearch.dashboard.static import PLOTLY
from hpsearch.errors import StoreError
from hpsearch.figures.plotly_js import plotly_js
from hpsearch.figures.registry import FIGURES, figure_module
from hpsearch.figures.theme import nothing_to_draw
from hpsearch.storage import Store, open_store

# Dash's own, with what it would ask for later: Plotly, which it loads once there is a figure, and its first two answers
# (`crossorigin`, because Dash fetches them so)
_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{%title%}</title>
{%favicon%}
{%css%}
<script defer src="PLOTLY"></script>
<link rel="preload" as="fetch" crossorigin href="/_dash-layout">
<link rel="preload" as="fetch" crossorigin href="/_dash-dependencies">
</head>
<body>
{%app_entry%}
<footer>
{%config%}
{%scripts%}
{%renderer%}
</footer>
</body>
</html>"""
logger = logging.getLogger(__name__)
_NOT_NEEDED = re.compile(r'<script src="[^"]*/(?:deps/polyfill@7\.|dash_table/)[^"]*"></script>\n?')
_NO_PAGES = ("/api/", "/_")  # Dash's own addresses begin with _
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_FRESH_SECONDS = 0.75  # with a page's beat and a drawing, a new epoch is seen within three
_WORTH_PACKING = 1000  # bytes
_PACKING_LEVEL = 5  # of nine: answers are packed while people wait


def make_app(store: Store, *, hosts: Collection[str] = (), token: str | None = None) -> Guard:
    """The application about the studies of `store`, which it only reads; stopping a study opens the database anew.

    Args:
        hosts: names that it answers to, beside ``localhost`` and where it was reached.
        token: that everybody has to know; None where nobody has to.
    """
    live = Live(store, lambda: open_store(store.path, read_only=False), fresh=_FRESH_SECONDS)
    threading.Thread(target=_prepare, args=(live,), name="ahead", daemon=True).start()
    app = _dash()
    pages.install(app, live, asking_page)
    server: FastAPI = app.server
    api.install(server, live)
    server.router.routes.append(Route("/{path:path}", _Others(server, list(server.routes)), methods=_METHODS))
    packed = GZipMiddleware(server, minimum_size=_WORTH_PACKING, compresslevel=_PACKING_LEVEL)
    return Guard(_Head(packed), hosts=hosts, token=token, scripts=app.csp_hashes())


def _prepare(live: Live) -> None:
    """Load what figures are made with, and draw what people will most likely look at, while they are on their way."""
    import pandas  # noqa: F401  # loaded is all it has to be

    nothing_to_draw("").to_plotly_json()  # Plotly reads what it checks figures by when there is one
    try:
        pages.draw_ahead(live)
    except Exception:  # such as a database that is gone by now: pages will tell who asks
        logger.exception("the newest studies could not be drawn ahead")
    for name in FIGURES:
        figure_module(name)


class _Dash(dash.Dash):
    """Dash without what no page here uses: a polyfill for browsers of 2015, its own table, a worker for a websocket.

    Without them a page is there a tenth of its time sooner. What Dash's other scripts need of the polyfill
    (`regeneratorRuntime`) is in assets/dashboard.js.
    """

    def _config(self) -> dict[str, Any]:
        """What the page's scripts are told; nothing of a websocket, for which they would start a worker."""
        config: dict[str, Any] = super()._config()
        return {name: value for name, value in config.items() if name != "websocket"}

    def interpolate_index(self, **parts: str) -> str:
        """The page that all addresses answer with."""
        parts["scripts"] = _NOT_NEEDED.sub("", parts["scripts"])
        page: str = super().interpolate_index(**parts)
        return page


def _dash() -> Any:
    """Dash with everything from here: what is given is not looked up in the environment."""
    return _Dash(
        "hpsearch.dashboard",  # whose folder assets is served
        backend=Backend,
        title="hpsearch",
        index_string=_INDEX.replace("PLOTLY", _plotly()),
        update_title=None,
        serve_locally=True,
        assets_external_path="",
        routes_pathname_prefix="/",
        requests_pathname_prefix="/",
        include_assets_files=True,
        compress=False,
        suppress_callback_exceptions=True,
        use_pages=False,
        pages_folder="",
        add_log_handler=False,
        enable_mcp=False,
        use_async=False,
        on_error=_changes_nothing,
    )


def _changes_nothing(error: Exception) -> None:
    """Where the study or its database is gone, the page says so once, and no callback changes anything else."""
    if not isinstance(error, StoreError):
        raise error


def _plotly() -> str:
    """The path of Plotly's script with its fingerprint, so that browsers keep it."""
    package, name = PLOTLY
    digest = hashlib.sha256(plotly_js().encode()).hexdigest()[:12]
    return f"/_dash-component-suites/{package}/{build_fingerprint(name, version('hpsearch'), digest)}"


class _Head:
    """Answers HEAD as `app` answers GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_no_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self.app({**scope, "method": "GET"}, receive, send_no_body)


class _Others:
    """Answers what `routes` do not: with Dash's one page where a page is asked for, else that there is none.

    What the page shows is in the layout that it asks for; of an unknown address it says that there is no such page.
    """

    def __init__(self, server: FastAPI, routes: list[BaseRoute]) -> None:
        self._server = server
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["raw_path"].decode("latin-1")
        allowed = {"GET", "HEAD"} if is_page(path) else self._methods_at(scope)
        answer: ASGIApp
        if allowed and scope["method"] not in allowed:
            said = f"Ask for this with {' or '.join(sorted(allowed - {'HEAD'}))}."
            answer = JSONResponse({"error": said}, 405, {"Allow": ", ".join(sorted(allowed))})
        elif path == "/favicon.ico":  # the page names its own
            answer = Response(status_code=204)
        elif path.startswith(_NO_PAGES) or scope["method"] != "GET":
            answer = JSONResponse({"error": f"There is nothing at {path}."}, 404)
        else:
            answer = self._page(200 if is_page(path) else 404)
        await answer(scope, receive, send)

    def _methods_at(self, scope: Scope) -> set[str]:
        """How what is at an address can be asked for; none where nothing is."""
        others = [route for route in self._routes if route.matches(scope)[0] is Match.PARTIAL]
        found = {method for route in others for method in getattr(route, "methods", ())}
        return found | {"HEAD"} if "GET" in found else found

    def _page(self, status: int) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_with_status(message: Message) -> None:
                await send({**message, "status": status} if message["type"] == "http.response.start" else message)

            await self._server({**scope, "method": "GET", "path": "/", "raw_path": b"/"}, receive, send_with_status)

        return answer
