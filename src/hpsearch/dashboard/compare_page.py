"""Two or more studies side by side."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from hpsearch.dashboard.address import compared
from hpsearch.dashboard.live import Drawing, Live
from hpsearch.dashboard.parts import message, still, table
from hpsearch.errors import StoreError
from hpsearch.figures import comparison


def layout(live: Live, search: str | None) -> Any:
    """The page: which studies, and what they are like beside each other."""
    names = [study.name for study in live.store.studies()]
    asked = compared(search)
    chosen, missing = [name for name in asked if name in names], [name for name in asked if name not in names]
    return html.Div(
        [
            html.H1("Compare studies"),
            dcc.Dropdown(names, chosen, id="compared", multi=True, placeholder="Choose two or more studies"),
            *(html.P(f"There is no study {name!r} in this database.", role="status") for name in missing),
            html.Div(id="comparison"),
            dcc.Store(id="comparison-made"),
            dcc.Store(id="comparison-stamp"),
        ]
    )


def install(app: Dash, live: Live) -> None:
    """The callbacks of the page."""

    app.clientside_callback(
        ClientsideFunction("hpsearch", "renew"),
        Output("comparison", "children"),
        Input("comparison-made", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("comparison-made", "data"),
        Output("comparison-stamp", "data"),
        Input("compared", "value"),
        Input("beat", "n_intervals"),
        State("comparison-stamp", "data"),
    )
    def compare(names: list[str] | None, beats: int | None, seen: str | None) -> tuple[Any, Any]:
        chosen = names or []
        try:
            stamp = repr([(name, live.stamp(name)) for name in chosen])
        except StoreError as error:  # a study was renamed or deleted, or the database was
            return (no_update, no_update) if seen == str(error) else (message(str(error)), str(error))
        if stamp == seen:
            return no_update, no_update
        if len(chosen) < 2:
            return message("Choose two or more studies."), stamp
        facts = comparison.facts([live.rows(name) for name in chosen])
        final = comparison.table(facts)
        drawings = [
            still(name, title, Drawing.of(draw(facts), "")) for name, (title, draw) in comparison.FIGURES.items()
        ]
        rows = list(final.itertuples(index=False, name=None))
        return [
            html.P(comparison.caption(facts), className="caption"),
            *drawings,
            html.H2("In the end"),
            table([str(column) for column in final.columns], rows, name="The studies in the end"),
        ], stamp

    app.clientside_callback(
        ClientsideFunction("hpsearch", "comparedBy"),
        Output("compared", "value"),
        Input("url", "search"),
        State("url", "pathname"),
        State("compared", "value"),
        State("compared", "options"),
        prevent_initial_call=True,
    )

    app.clientside_callback(
        """function(names) {
            const query = new URLSearchParams((names || []).map(name => ["study", name])).toString();
            window.history.replaceState(null, "", "/compare" + (query ? "?" + query : ""));
        }""",
        Input("compared", "value"),
        prevent_initial_call=True,
    )
