"""The first page: every study of the database in a line."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from dash import ALL, Dash, Input, Output, State, dcc, html, no_update

from hpsearch.dashboard.address import study_path
from hpsearch.dashboard.live import Live
from hpsearch.dashboard.parts import badge, bar, counts, message, table
from hpsearch.dashboard.progress import Left, left_of, time_left
from hpsearch.errors import StoreError
from hpsearch.wording import counted, number

if TYPE_CHECKING:
    from hpsearch.storage import Store, StudySummary

_LISTED = "listed"
_MOST = 200  # beside those that somebody runs; a page of thousands is slow, and nobody reads it
_COLUMNS = ("", "study", "state", "best", "progress", "time left", "trials", "search")


def layout() -> Any:
    """The page before its studies are read."""
    return html.Div(
        [
            html.Div(
                [
                    html.H1("Studies"),
                    dcc.Link("Compare the chosen", id="compare-chosen", href="/compare", className="button"),
                ],
                className="head",
            ),
            html.Div(id="study-list"),
            dcc.Store(id="study-list-stamp"),
        ]
    )


def listed(store: Store) -> tuple[list[tuple[StudySummary, Left]], int]:
    """The studies of the page, the newest first, each with what is left of it; and how many are left out."""
    newest = store.studies()[::-1]
    running = [study for study in newest[_MOST:] if store.is_run(study)]
    shown = [*newest[:_MOST], *running]
    return [(study, left_of(store, study)) for study in shown], len(newest) - len(shown)


def install(app: Dash, live: Live) -> None:
    """The callbacks of the page."""

    @app.callback(
        Output("study-list", "children"),
        Output("study-list-stamp", "data"),
        Input("beat", "n_intervals"),
        State("study-list-stamp", "data"),
    )
    def list_studies(beats: int | None, seen: str | None) -> tuple[Any, Any]:
        try:
            studies, left_out = live.recent(_LISTED, lambda: listed(live.store))
        except StoreError as error:  # the database was moved away, or is no database any more
            return (no_update, no_update) if seen == str(error) else (message(str(error)), str(error))
        stamp = hashlib.sha256(repr((studies, left_out)).encode()).hexdigest()
        if stamp == seen:
            return no_update, no_update
        if not studies:
            return message("This database holds no study yet.", "`hpsearch run SPACE.yaml` makes one."), stamp
        rows = [
            [
                dcc.Checklist(
                    options=[{"label": html.Span(f"compare {study.name}", className="hidden"), "value": study.name}],
                    id={"type": "chosen", "study": study.name},
                    value=[],
                    persistence=True,  # a tick outlives the table, which is made anew with each change
                    persistence_type="memory",
                ),
                html.Div(
                    [
                        dcc.Link(study.name, href=study_path(study.name)),
                        html.Div(study.description, className="quiet description"),
                    ]
                ),
                badge(study.state.value),
                [number(study.best_value), html.Div(study.metric, className="quiet")],
                bar(study.ended, left.planned_trials),
                time_left(study.state, left),
                counts(study.counts),
                study.backend,
            ]
            for study, left in studies
        ]
        shown: list[Any] = [table(_COLUMNS, rows, name="The studies of this database, the newest first")]
        if left_out:
            shown.append(
                html.P(
                    f"{counted(left_out, 'older study', 'older studies')} that nobody runs: `hpsearch studies` and "
                    "/api/studies have all, and each has its page at /study/NAME.",
                    className="quiet",
                )
            )
        return shown, stamp

    app.clientside_callback(
        """function(values, ids) {
            const chosen = values.flat().filter(Boolean);
            const query = new URLSearchParams(chosen.map(name => ["study", name])).toString();
            return ["/compare" + (query ? "?" + query : ""), "button" + (chosen.length > 1 ? " primary" : "")];
        }""",
        Output("compare-chosen", "href"),
        Output("compare-chosen", "className"),
        Input({"type": "chosen", "study": ALL}, "value"),
        State({"type": "chosen", "study": ALL}, "id"),
    )
