"""A study's page: its figures in tabs, its trials in a table, one choice of trials for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dash_ag_grid
from dash import ALL, MATCH, ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update

from hpsearch.dashboard import trial_table
from hpsearch.dashboard.address import OVERVIEW, Address, study_of
from hpsearch.dashboard.chosen import chips, without
from hpsearch.dashboard.facts_tab import facts_tab
from hpsearch.dashboard.live import Drawing, Live
from hpsearch.dashboard.options import allowed, brushes, controls, default, views
from hpsearch.dashboard.parts import badge, bar, counts, figure_box, message
from hpsearch.dashboard.progress import left_of, time_left
from hpsearch.dashboard.trial_panel import trial_panel
from hpsearch.errors import StoreError
from hpsearch.figures.registry import FIGURES, RETRAIN_FIGURES, SEARCH_FIGURES, figure_module
from hpsearch.figures.selection import Selection
from hpsearch.study import StudyState, TrialState
from hpsearch.wording import number

if TYPE_CHECKING:
    from hpsearch.figures.rows import StudyRows
    from hpsearch.storage import StudySummary

PARAMETERS, COST, RETRAINED, FACTS = "parameters", "cost", "retrained", "facts"
_TABS = {
    OVERVIEW: "Overview",
    PARAMETERS: "Parameters",
    COST: "Time and size",
    RETRAINED: "Retrained",
    FACTS: "Study",
}
_TAB_OF = {  # a figure that is named nowhere stands on the first tab
    "parallel_coordinates": PARAMETERS,
    "importances": PARAMETERS,
    "slices": PARAMETERS,
    "contour": PARAMETERS,
    "timeline": COST,
    "cost": COST,
} | dict.fromkeys(RETRAIN_FIGURES, RETRAINED)
_NEWS = "news"
_ONLY_HYPERBAND = {"funnel"}


def layout(live: Live, name: str, search: str | None) -> Any:
    """The page of a study. StudyNotFound.

    What the server would answer to its callbacks at first is there already: each round would be seen as a wait.
    """
    seen, about = _news(live, name)  # before all else: what has changed since then will be asked for
    rows = live.rows(name)
    address = Address.from_search(search)
    tab = _tab(address)
    panel, panel_class = _panel(live, name, address)
    return html.Div(
        [
            html.Div(about, id="study-head", **{"aria-live": "polite"}),
            html.Div(
                [
                    dcc.Checklist(
                        id="states",
                        options=[{"label": badge(state.value), "value": state.value} for state in TrialState],
                        value=_states(address),
                        inline=True,
                        className="states",
                    ),
                    html.Div(chips(address.selection, rows.trials), id="chips", className="chips"),
                ],
                className="filter",
                role="group",
                **{"aria-label": "Which trials are shown"},
            ),
            html.Div(
                [
                    html.Button(
                        title,
                        id={"type": "tab", "name": key},
                        role="tab",
                        className="selected" if key == tab else "",
                        **{"aria-selected": "true" if key == tab else "false"},
                    )
                    for key, title in _TABS.items()
                ],
                className="tabs",
                role="tablist",
            ),
            html.Div(tab_content(live, name, tab, address), id="tab-content", className="tab-content", role="tabpanel"),
            _table_box(name, rows, address),
            html.Aside(panel, id="trial-panel", className=panel_class, **{"aria-label": "One trial"}),
            dcc.Store(id="panel-made"),
            dcc.Store(id="stamp", data=seen),
            dcc.Store(id="tab", data=tab),
            dcc.Store(id="chosen", data=_chosen(address)),
            dcc.Store(id="tab-drawn-for"),
            dcc.Store(id="again"),
            dcc.Store(id="brushed"),
            dcc.Store(id="wish"),
            dcc.Store(id="first-rows", data=trial_table.page(rows, address.selection, trial_table.FIRST)),
            dcc.Store(id="rows-wanted"),
            dcc.ConfirmDialog(
                id="stop-confirm",
                message=f"Stop study {name} after its present epochs? `hpsearch run` goes on with it later.",
            ),
        ],
        className="study",
    )


def _table_box(name: str, rows: StudyRows, address: Address) -> Any:
    """The table of trials, under the menu of its columns."""
    shown = trial_table.shown_at_first(rows)
    return html.Div(
        [
            html.Div(
                [
                    html.H2("Trials"),
                    html.Details(
                        [
                            html.Summary("Columns", className="button"),
                            html.Div(
                                dcc.Checklist(
                                    [
                                        {"label": trial_table.heading(column), "value": column}
                                        for column in trial_table.columns(rows)
                                    ],
                                    shown,
                                    id={"type": "columns", "study": name},
                                    persistence=True,
                                ),
                                role="group",
                                **{"aria-label": "Columns of the table"},
                            ),
                        ],
                        className="columns",
                    ),
                ],
                className="figure-head",
            ),
            html.P(
                "Click a row, or a point of a figure, for all about a trial. The value is the best over its "
                "epochs, on validation data.",
                className="caption",
            ),
            dash_ag_grid.AgGrid(
                id="trials",
                rowModelType="infinite",
                columnDefs=trial_table.column_definitions(rows, shown),
                defaultColDef={"sortable": True, "resizable": True, "floatingFilter": False, "initialFlex": 1},
                filterModel=trial_table.filter_model(rows, address.selection),
                getRowId="params.data.id",
                dashGridOptions={
                    "cacheBlockSize": trial_table.PAGE,
                    "maxBlocksInCache": 20,
                    "rowBuffer": 2,  # beyond those that are seen: each costs the browser some fifty elements
                    "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
                    "suppressCsvExport": True,
                },
                className="grid",
                style={"height": "440px"},
            ),
        ],
        id="trials-box",
    )


def _tab(address: Address) -> str:
    return address.tab if address.tab in _TABS else OVERVIEW


def _chosen(address: Address) -> str:
    return Address(selection=address.selection).to_search()


def _states(address: Address) -> list[str]:
    return list(address.selection.states) or [state.value for state in TrialState]


def _news(live: Live, name: str) -> tuple[list[str], Any]:
    """Something that is another whenever the page must be, and the page's head."""

    def read() -> tuple[list[str], Any]:
        summary = live.store.summary(name)
        planned = left_of(live.store, summary)
        asked = bool(live.store.pending_actions(summary.id))
        return [live.stamp(name), repr((summary, planned, asked))], head(summary, planned, asked)

    return live.recent((_NEWS, name), read)


def head(study: StudySummary, planned: Any, asked: bool) -> Any:
    """Name, state, best value, progress, time left."""
    searches = study.state is StudyState.RUNNING and planned.retraining is None
    facts = [
        ("best", [html.Strong(number(study.best_value)), html.Span(f" {study.metric}", className="quiet")]),
        ("by trial", "-" if study.best_trial is None else str(study.best_trial)),
        ("trials", bar(study.ended, planned.planned_trials)),
        ("epochs", bar(study.epochs, planned.planned_epochs)),
        ("by state", counts(study.counts)),
        ("time left", time_left(study.state, planned)) if searches else ("search", study.backend),
    ]
    if (now := planned.retraining) is not None:
        facts.append((f"epochs of trial {now.trial}'s retraining", bar(now.epochs_done, now.epochs)))
    stop = (
        html.Button("Stopping…" if asked else "Stop", id="stop", disabled=asked, className="stop")
        if planned.is_run
        else html.Button("Stop", id="stop", className="stop", hidden=True)
    )
    return [
        html.Div([html.H1([study.name, " ", badge(study.state.value)]), stop], className="head"),
        html.P(study.description, className="quiet") if study.description else None,
        html.Dl([html.Div([html.Dt(name), html.Dd(shown)]) for name, shown in facts], className="facts"),
    ]


def tab_content(live: Live, name: str, tab: str, address: Address) -> Any:
    """The figures of a tab, or what else is on it."""
    if tab == FACTS:
        return facts_tab(live, name)
    has_rungs = "bracket" in live.rows(name).filled
    wanted = [
        figure
        for figure in (RETRAIN_FIGURES if tab == RETRAINED else SEARCH_FIGURES)
        if _TAB_OF.get(figure, OVERVIEW) == tab and (has_rungs or figure not in _ONLY_HYPERBAND)
    ]
    if tab == PARAMETERS:  # beside the table: both follow the brush
        wanted.append("learning_curves")
    return [
        figure_box(
            figure,
            figure_module(figure).TITLE,
            _drawing(live, name, figure, address.selection, address.options_of(figure)),
            controls(live.rows(name), figure, address),
        )
        for figure in wanted
    ]


def _drawing(live: Live, name: str, figure: str, selection: Selection, options: Mapping[str, str]) -> Drawing:
    """A figure as it is to be shown; of the options it takes those that it knows."""
    given = allowed(live.rows(name), figure, options) | brushes(figure, selection)
    return live.drawing(name, figure, views(figure, selection), given)


def _panel(live: Live, name: str, address: Address) -> tuple[Any, str]:
    """What is told of the trial that is open, and the panel's class."""
    return ([], "panel") if address.trial is None else (trial_panel(live, name, address.trial), "panel open")


def install(app: Dash, live: Live) -> None:
    """The callbacks of the page. The address is the one place where its state is."""
    _watch(app, live)
    _draw(app, live)
    _choose(app, live)
    _list_trials(app, live)
    _stop(app, live)


def _watch(app: Dash, live: Live) -> None:
    @app.callback(
        Output("stamp", "data"),
        Output("study-head", "children"),
        Input("beat", "n_intervals"),
        State("url", "pathname"),
        State("stamp", "data"),
        prevent_initial_call=True,
    )
    def look(beats: int | None, pathname: str, seen: list[str] | None) -> tuple[Any, Any]:
        name = study_of(pathname)
        if name is None:
            return no_update, no_update
        try:
            now, about = _news(live, name)
        except StoreError as error:  # the study was renamed or deleted, or its database was
            now, about = [str(error)], message(str(error), "What is below is what was seen last.")
        return (no_update, no_update) if seen == now else (now, about)

    @app.callback(
        Output("tab", "data"),
        Output("chosen", "data"),
        Output("states", "value"),
        Output({"type": "tab", "name": ALL}, "aria-selected"),
        Output({"type": "tab", "name": ALL}, "className"),
        Input("url", "search"),
        State("tab", "data"),
        State("chosen", "data"),
        State({"type": "tab", "name": ALL}, "id"),
        prevent_initial_call=True,
    )
    def read_address(search: str, tab: str | None, chosen: str | None, tabs: list[dict[str, str]]) -> tuple[Any, ...]:
        address = Address.from_search(search)
        wanted, now = _tab(address), _chosen(address)
        selected = ["true" if each["name"] == wanted else "false" for each in tabs]
        classes = ["selected" if each == "true" else "" for each in selected]
        return (
            no_update if wanted == tab else wanted,
            no_update if now == chosen else now,
            _states(address),
            selected,
            classes,
        )


def _draw(app: Dash, live: Live) -> None:
    @app.callback(
        Output("tab-content", "children"),
        Output("tab-drawn-for", "data"),
        Input("tab", "data"),
        State("url", "pathname"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def open_tab(tab: str | None, pathname: str, search: str) -> tuple[Any, Any]:
        name, address = study_of(pathname), Address.from_search(search)
        if name is None or tab is None:
            return no_update, no_update
        seen, _ = _news(live, name)
        return tab_content(live, name, tab, address), [seen, _chosen(address)]

    # what has changed while the tab was being drawn has drawn the figures of the tab before
    app.clientside_callback(
        ClientsideFunction("hpsearch", "drawAgain"),
        Output("again", "data"),
        Input("tab-drawn-for", "data"),
        State("stamp", "data"),
        State("chosen", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output({"type": "drawn", "name": MATCH}, "data"),
        Output({"type": "caption", "name": MATCH}, "children"),
        Input("stamp", "data"),
        Input("chosen", "data"),
        Input("again", "data"),
        Input({"type": "option", "name": MATCH, "option": ALL}, "value"),
        State({"type": "option", "name": MATCH, "option": ALL}, "id"),
        State({"type": "caption", "name": MATCH}, "id"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )
    def draw(
        stamp: Any,
        chosen: str | None,
        again: int | None,
        values: list[str | None],
        ids: list[dict[str, str]],
        box: dict[str, str],
        pathname: str,
    ) -> tuple[Any, Any]:
        name, figure = study_of(pathname), box["name"]
        if name is None or stamp is None or figure not in FIGURES:
            return no_update, no_update
        given = {each["option"]: choice for each, choice in zip(ids, values, strict=True) if choice is not None}
        drawing = _drawing(live, name, figure, Address.from_search(chosen).selection, given)
        return {"figure": drawing.figure, "style": drawing.style}, drawing.caption

    app.clientside_callback(
        ClientsideFunction("hpsearch", "draw"),
        Output({"type": "figure", "name": MATCH}, "figure"),
        Output({"type": "figure", "name": MATCH}, "style"),
        Input({"type": "drawn", "name": MATCH}, "data"),
        State({"type": "drawn", "name": MATCH}, "id"),
        prevent_initial_call=True,
    )

    app.clientside_callback(
        ClientsideFunction("hpsearch", "renew"),
        Output("trial-panel", "children"),
        Input("panel-made", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("panel-made", "data"),
        Output("trial-panel", "className"),
        Input("url", "search"),
        Input("stamp", "data"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )
    def open_trial(search: str, stamp: Any, pathname: str) -> tuple[Any, str]:
        name = study_of(pathname)
        return (no_update, no_update) if name is None else _panel(live, name, Address.from_search(search))


def _choose(app: Dash, live: Live) -> None:
    @app.callback(
        Output("wish", "data"),
        Input({"type": "tab", "name": ALL}, "n_clicks"),
        Input("states", "value"),
        Input({"type": "chip", "column": ALL}, "n_clicks"),
        Input({"type": "option", "name": ALL, "option": ALL}, "value"),
        Input({"type": "figure", "name": ALL}, "clickData"),
        Input("trials", "selectedRows"),
        Input("trials", "cellClicked"),  # of a row that is marked already, too
        Input("trials", "filterModel"),
        Input("brushed", "data"),
        Input({"type": "close", "what": ALL}, "n_clicks"),
        State("url", "search"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )
    def change_address(*given: Any) -> Any:
        *_, search, pathname = given
        name = study_of(pathname)
        if name is None or not ctx.triggered or ctx.triggered_id is None:
            return no_update
        before = Address.from_search(search)
        what, given = ctx.triggered[0]["prop_id"], ctx.triggered[0]["value"]
        is_click = what == "trials.cellClicked"
        after = _changed(live.rows(name), before, "clicked" if is_click else ctx.triggered_id, given)
        return no_update if after == before else after.to_search()

    # not an output of the callback above: Dash would see a circle, as the address sets what it is made from
    app.clientside_callback(
        ClientsideFunction("hpsearch", "go"),
        Input("wish", "data"),
        State({"type": "figure", "name": ALL}, "id"),
        prevent_initial_call=True,
    )

    app.clientside_callback(
        ClientsideFunction("hpsearch", "unmark"),
        Output("trials", "selectedRows"),
        Input("url", "search"),
        State("trials", "selectedRows"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("chips", "children"), Input("chosen", "data"), State("url", "pathname"), prevent_initial_call=True
    )
    def show_chips(chosen: str | None, pathname: str) -> Any:
        name = study_of(pathname)
        return no_update if name is None else chips(Address.from_search(chosen).selection, live.rows(name).trials)

    app.clientside_callback(
        ClientsideFunction("hpsearch", "brushed"),
        Output("brushed", "data"),
        Input({"type": "figure", "name": ALL}, "restyleData"),
        prevent_initial_call=True,
    )


def _changed(rows: StudyRows, before: Address, what: Any, given: Any) -> Address:
    """The address after one thing was chosen on the page."""
    if given is None and not (isinstance(what, dict) and what.get("type") == "option"):
        return before
    match what:
        case {"type": "tab", "name": str(tab)} if given:
            return replace(before, tab=tab)
        case {"type": "close"} if given:
            return replace(before, trial=None)
        case {"type": "chip", "column": str(column)} if given:
            return replace(before, selection=without(before.selection, column))
        case {"type": "option", "name": str(figure), "option": str(option)}:
            is_default = given is None or given == default(figure, option)
            return before.with_option(f"{figure}.{option}", None if is_default else str(given))
        case {"type": "figure", "name": str(figure)} if figure in SEARCH_FIGURES:
            number = _clicked(given)
            return before if number is None else replace(before, trial=number)
        case "clicked":
            return replace(before, trial=int(given["rowId"])) if given.get("rowId") else before
        case "trials" if isinstance(given, list):
            return replace(before, trial=int(given[0]["number"])) if given else before
        case "trials" if isinstance(given, dict):
            return replace(before, selection=trial_table.selection_of(rows, given, before.selection))
        case "states":
            every = {state.value for state in TrialState}
            states = () if set(given) in (every, set()) else tuple(sorted(given))
            return replace(before, selection=replace(before.selection, states=states))
        case "brushed":
            return replace(before, selection=_brushed(rows, before.selection, given))
    return before


def _clicked(click: Any) -> int | None:
    """The number of the trial that a clicked point belongs to; figures of a search give it first in `customdata`."""
    point = (click.get("points") or [{}])[0]
    found = point.get("customdata")
    first = found[0] if isinstance(found, list) and found else found
    return int(first) if isinstance(first, int | float) and first >= 0 else None


def _brushed(rows: StudyRows, before: Selection, constraints: dict[str, Any]) -> Selection:
    """The selection after the axes of the parallel coordinates were brushed.

    Args:
        constraints: of all brushed axes by column; what is as it was drawn is no news about that column.
    """
    from hpsearch.figures import parallel_coordinates

    drawn = parallel_coordinates.facts(rows.selected(views("parallel_coordinates", before)), brushed=before)
    moved = {
        axis.column: constraints.get(axis.column, ())
        for axis in drawn.axes
        if parallel_coordinates.places_of(constraints.get(axis.column, ())) != drawn.brushes.get(axis.column, ())
    }
    found = parallel_coordinates.ranges(drawn, moved)
    ranges = {column: ends for column, ends in before.ranges.items() if column not in moved}
    choices = {column: values for column, values in before.choices.items() if column not in moved}
    for column, ends in found.items():
        if isinstance(ends, tuple) and len(ends) == 2 and not isinstance(ends[0], str):
            ranges[column] = ends
        else:
            choices[column] = tuple(ends)
    return Selection(before.states, ranges, choices)


def _list_trials(app: Dash, live: Live) -> None:
    # what the grid asks for first came with the page
    app.clientside_callback(
        ClientsideFunction("hpsearch", "rows"),
        Output("trials", "getRowsResponse"),
        Output("rows-wanted", "data"),
        Output("first-rows", "data"),
        Input("trials", "getRowsRequest"),
        State("first-rows", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("trials", "getRowsResponse", allow_duplicate=True),
        Input("rows-wanted", "data"),
        State("url", "pathname"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def get_rows(request: dict[str, Any] | None, pathname: str, search: str) -> Any:
        name = study_of(pathname)
        if request is None or name is None:
            return no_update
        return trial_table.page(live.rows(name), Address.from_search(search).selection, request)

    app.clientside_callback(
        ClientsideFunction("hpsearch", "showColumns"),
        Output("trials", "columnDefs"),
        Input({"type": "columns", "study": ALL}, "value"),  # what a browser has kept, too, when the page opens
        State("trials", "columnDefs"),
    )

    @app.callback(
        Output("trials", "filterModel"),
        Input("chosen", "data"),
        State("trials", "filterModel"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )
    def show_filters(chosen: str | None, shown: dict[str, Any] | None, pathname: str) -> Any:
        name = study_of(pathname)
        if name is None:
            return no_update
        model = trial_table.filter_model(live.rows(name), Address.from_search(chosen).selection)
        return no_update if model == (shown or {}) else model

    app.clientside_callback(
        ClientsideFunction("hpsearch", "refreshTrials"),
        Output("trials-box", "title"),
        Input("stamp", "data"),
        Input("chosen", "data"),
        prevent_initial_call=True,
    )


def _stop(app: Dash, live: Live) -> None:
    @app.callback(Output("stop-confirm", "displayed"), Input("stop", "n_clicks"), prevent_initial_call=True)
    def ask(clicks: int | None) -> bool:
        return bool(clicks)

    @app.callback(
        Output("stop", "children"),
        Output("stop", "disabled"),
        Input("stop-confirm", "submit_n_clicks"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )
    def stop(clicks: int | None, pathname: str) -> tuple[Any, Any]:
        name = study_of(pathname)
        if not clicks or name is None or not live.store.is_running(live.study(name).id):
            return no_update, no_update
        live.request_stop(name)
        return "Stopping…", True
