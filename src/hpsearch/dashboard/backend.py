"""Dash on FastAPI, with what its own backend leaves out: work in threads, told bugs, packed scripts, who is asking."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from dash import Dash, Output, _validate, get_app
from dash.backends import get_backend
from dash.exceptions import PreventUpdate
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from hpsearch.dashboard.static import LibraryFiles
from hpsearch.errors import HpsearchError

logger = logging.getLogger(__name__)
_DashOnFastAPI: Any = get_backend("fastapi")


def asking_page() -> tuple[str, str] | None:
    """Path and query of the page that asks for the layout; None where its browser does not say, or it is not ours.

    Of an address of more than 4,096 letters browsers say no more than its origin: so `/` alone tells nothing.
    """
    request = get_app().backend.request_adapter()
    if request.path != "/_dash-layout":  # Dash asks for a layout when it is asked for anything the first time
        return None
    try:
        page = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return None
    if page.netloc != request.headers.get("host") or (page.path in ("", "/") and not page.query):
        return None
    return page.path, page.query and f"?{page.query}"


def _is_understood(dash_app: Dash, body: Any) -> bool:
    """Whether `body` asks for one of the callbacks, with the values that it takes and the outputs that it has.

    Dash's own reading and checks are tried, which run nothing of ours: what fails in them was asked wrongly.
    """
    # looked up here: that a later Dash has one of them no more is not what was asked wrongly
    read, prepare, take = dash_app._initialize_context, dash_app._prepare_callback, dash_app._inputs_to_vals
    check_values, check_outputs = _validate.validate_and_group_input_args, _validate.validate_output_spec
    try:
        wanted = dash_app.callback_map[body["output"]]
        given = read(body)
        prepare(given, body)
        check_values(take(given.inputs_list + given.states_list), wanted["inputs_state_indices"])
        if not wanted["no_output"]:
            check_outputs(wanted["output"], given.outputs_list or None, Output)
    except Exception:
        return False
    return True


class Backend(_DashOnFastAPI):
    """What `dash.Dash` is given as its backend."""

    @staticmethod
    def create_app(name: str = "", config: Any = None) -> FastAPI:
        """The application, without the pages about itself: they load scripts from elsewhere."""
        return FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def serve_callback(self, dash_app: Dash) -> Callable[[Request], Awaitable[Response]]:
        """What answers callbacks; each in a thread, for Dash would let all others wait while one of them draws."""
        dispatch = super().serve_callback(dash_app)

        def answer(request: Request) -> Response:
            if not _is_understood(dash_app, request.state.json_body):
                return JSONResponse({"error": "This is not what a page of this dashboard asks."}, 400)
            try:
                answered: Response = asyncio.run(dispatch(request))
                return answered
            except PreventUpdate:
                raise
            except HpsearchError as error:
                logger.info("a page could not be answered: %s", error)
                raise
            except Exception:  # Dash answers 500 and says nothing
                logger.exception("a page could not be answered")
                raise

        async def serve(request: Request) -> Response:
            return await run_in_threadpool(answer, request)

        return serve

    def setup_component_suites(self, dash_app: Dash) -> None:
        """Serve the scripts of Dash and of its components."""
        files = LibraryFiles(dash_app.registered_paths)
        threading.Thread(target=files.prepare, name="packing", daemon=True).start()

        async def serve(request: Request, package_name: str, fingerprinted_path: str) -> Response:
            asked = (package_name, fingerprinted_path, request.headers)
            if files.has(package_name, fingerprinted_path):  # a thread would cost more than the answer
                return files.answer(*asked)
            return await run_in_threadpool(files.answer, *asked)

        dash_app._add_url("_dash-component-suites/{package_name}/{fingerprinted_path:path}", serve)
