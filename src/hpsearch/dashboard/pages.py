"""The frame around all pages, and which of them an address shows."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, dcc, html

from hpsearch.dashboard import compare_page, study_list, study_page
from hpsearch.dashboard.address import study_of
from hpsearch.dashboard.live import Live
from hpsearch.dashboard.parts import message
from hpsearch.errors import StudyNotFound
from hpsearch.study import StudyState

BEAT_MILLISECONDS = 1_500  # a page asks so often whether there is news


def install(app: Dash, live: Live) -> None:
    """Give the application its layout and its callbacks."""
    app.layout = _frame
    study_list.install(app, live)
    study_page.install(app, live)
    compare_page.install(app, live)

    @app.callback(Output("page", "children"), Input("url", "pathname"), State("url", "search"))
    def show(pathname: str | None, search: str | None) -> Any:
        name = study_of(pathname)
        if name is not None:
            try:
                return study_page.layout(live, name, search)
            except StudyNotFound as missing:
                return message(str(missing))
        if pathname in (None, "", "/"):
            return study_list.layout()
        if pathname == "/compare":
            return compare_page.layout(live, search)
        return message("There is no such page.")


def expect(live: Live, pathname: str, search: str) -> None:
    """Draw what a page will ask for. What is wrong with it is raised here, too, and the page will say so."""
    name = study_of(pathname)
    if name is not None:
        study_page.layout(live, name, search)


def expect_newest(live: Live) -> None:
    """Draw the page of the study that was begun last, of those that are running if there are any."""
    studies = live.store.studies()
    running = [study for study in studies if study.state is StudyState.RUNNING and live.store.is_running(study.id)]
    for study in (running or studies)[-1:]:
        study_page.layout(live, study.name, None)


def _frame() -> Any:
    return html.Div(
        [
            dcc.Location(id="url", refresh="callback-nav"),
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
            html.Main(id="page", tabIndex=-1),
        ]
    )
