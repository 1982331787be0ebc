"""The whole application: pages, API and library scripts, behind one guard."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import dash
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hpsearch.dashboard import api, pages
from hpsearch.dashboard.backend import Backend
from hpsearch.dashboard.guard import Guard
from hpsearch.dashboard.live import Live
from hpsearch.storage import Store, open_store

_WORTH_PACKING = 1000  # bytes
_PACKING_LEVEL = 5  # of nine: answers are packed while people wait


def make_app(store: Store, *, hosts: Collection[str] = (), token: str | None = None) -> Guard:
    """The application about the studies of `store`, which it only reads; stopping a study opens the database anew.

    Args:
        hosts: names that it answers to, beside ``localhost`` and where it was reached.
        token: that everybody has to know; None where nobody has to.
    """
    live = Live(store, lambda: open_store(store.path, read_only=False))
    app = _dash()
    pages.install(app, live)
    server: FastAPI = app.server
    api.install(server, live)
    server.router.routes.append(Route("/{path:path}", _Page(server), methods=["GET"]))
    packed = GZipMiddleware(server, minimum_size=_WORTH_PACKING, compresslevel=_PACKING_LEVEL)
    return Guard(packed, hosts=hosts, token=token, scripts=app.csp_hashes())


def _dash() -> Any:
    """Dash with everything from here: what is given is not looked up in the environment."""
    return dash.Dash(
        "hpsearch.dashboard",  # whose folder assets is served
        backend=Backend,
        title="hpsearch",
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
    )


class _Page:
    """Answers with the one page that Dash has, whatever the address: which study it shows is decided in it."""

    def __init__(self, server: FastAPI) -> None:
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._server({**scope, "method": "GET", "path": "/", "raw_path": b"/"}, receive, send)
