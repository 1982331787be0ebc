"""The frame around all pages, and which of them an address shows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html

from hpsearch.dashboard import compare_page, study_list, study_page
from hpsearch.dashboard.address import is_compare, study_of
from hpsearch.dashboard.live import Live
from hpsearch.dashboard.parts import message
from hpsearch.errors import StoreError

BEAT_MILLISECONDS = 1_500  # a page asks so often whether there is news
AHEAD = 4  # studies
logger = logging.getLogger(__name__)


def install(app: Dash, live: Live, asking_page: Callable[[], tuple[str, str] | None]) -> None:
    """Give the application its layout and its callbacks.

    Args:
        asking_page: path and query of the page that asks for the layout; None where the browser does not say.
    """
    app.layout = lambda: _frame(live, asking_page())
    study_list.install(app, live)
    study_page.install(app, live)
    compare_page.install(app, live)

    # where a browser tells only a part of the address, the layout was made for another one
    app.clientside_callback(
        ClientsideFunction("hpsearch", "whereAmI"),
        Output("url", "pathname"),
        Output("url", "search"),
        Input("url", "href"),
        State("url", "pathname"),
        State("url", "search"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("page", "children"), Input("url", "pathname"), State("url", "search"), prevent_initial_call=True
    )
    def show(pathname: str | None, search: str | None) -> Any:
        return _page(live, pathname, search)


def _page(live: Live, pathname: str | None, search: str | None) -> Any:
    """What an address shows."""
    name = study_of(pathname)
    if name is not None:
        try:
            return study_page.layout(live, name, search)
        except StoreError as missing:
            return message(str(missing))
    if pathname in (None, "", "/"):
        return study_list.layout()
    if is_compare(pathname):
        return compare_page.layout(live, search)
    return message("There is no such page.")


def draw_ahead(live: Live) -> None:
    """Draw the pages of the studies that people will most likely look at: those that run, then those begun last."""
    studies = live.store.studies()
    running = [study for study in studies if live.store.is_run(study)]
    others = [study for study in studies if study not in running]
    for study in [*reversed(running), *reversed(others)][:AHEAD]:
        try:
            study_page.layout(live, study.name, None)
        except Exception:
            logger.exception("study %r could not be drawn ahead", study.name)


def _frame(live: Live, address: tuple[str, str] | None) -> Any:
    """What is around every page, with the page in it where its address is known and it can be drawn."""
    known, page = {}, None
    if address is not None:
        try:
            page = _page(live, *address)
            known = {"pathname": address[0], "search": address[1]}
        except Exception:  # the page will ask again, and be told; Dash would answer 500 without a word
            logger.exception("the page %s could not be drawn", address[0])
    return html.Div(
        [
            dcc.Location(id="url", refresh="callback-nav", **known),
            dcc.Interval(id="beat", interval=BEAT_MILLISECONDS),
            html.Header(
                [
                    html.A("Skip to the content", href="#page", className="skip"),
                    dcc.Link("hpsearch", href="/", className="brand"),
                    html.Nav(
                        [dcc.Link("Studies", href="/"), dcc.Link("Compare", href="/compare")],
                        **{"aria-label": "Pages"},
                    ),
                    html.Button("◐", id="theme", title="Light or dark", **{"aria-label": "Light or dark"}),
                ]
            ),
            html.Main(page, id="page", tabIndex=-1),
        ]
    )
