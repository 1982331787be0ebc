"""Pieces that several pages are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html

from hpsearch.dashboard.live import Drawing
from hpsearch.figures.theme import config, short

Component = Any  # Dash has no types
_HIGH = 700  # pixels of a figure


def badge(state: str) -> Component:
    """A state as a coloured word."""
    return html.Span(state, className=f"badge badge-{state}")


def counts(by_state: Mapping[Any, int]) -> Component:
    """Trials by state: a word and a number each."""
    shown = [(str(state), number) for state, number in by_state.items() if number]
    if not shown:
        return html.Span("no trials yet", className="quiet")
    return html.Span(
        [html.Span([badge(state), f" {number:,} "], className="count") for state, number in shown], className="counts"
    )


def bar(done: int, planned: int | None) -> Component:
    """How far a search is; nothing where nobody knows how long it is."""
    if not planned:
        return html.Span(f"{done:,}")
    return html.Span(
        [html.Progress(value=str(min(done, planned)), max=str(planned)), f" {done:,} of {planned:,}"],
        className="progress",
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, name: str) -> Component:
    """A plain table; a cell is a component or a value for people."""
    return html.Div(
        html.Table(
            [
                html.Caption(name, className="hidden"),
                html.Thead(html.Tr([html.Th(column, scope="col") for column in columns])),
                html.Tbody([html.Tr([html.Td(_cell(value)) for value in row]) for row in rows]),
            ]
        ),
        className="scrolled",
    )


def figure_box(name: str, title: str, drawing: Drawing, controls: Sequence[Component] = ()) -> Component:
    """A figure with its title, its controls and its caption, which is drawn anew where ``drawn`` is given another."""
    return html.Section(
        [
            html.Div([html.H3(title), html.Div(list(controls), className="controls")], className="figure-head"),
            _plot(name, title, drawing, id={"type": "figure", "name": name}),
            html.P(drawing.caption, id={"type": "caption", "name": name}, className="caption"),
            dcc.Store(id={"type": "drawn", "name": name}),
        ],
        className="figure high" if drawing.height >= _HIGH else "figure",
        id=f"figure-{name}",
        **{"aria-label": title},
    )


def still(name: str, title: str, drawing: Drawing) -> Component:
    """A figure that is drawn already."""
    return html.Section(
        [
            html.Div(html.H3(title), className="figure-head"),
            _plot(name, title, drawing, id=f"still-{name}"),
            html.P(drawing.caption, className="caption"),
        ],
        className="figure",
        **{"aria-label": title},
    )


def _plot(name: str, title: str, drawing: Drawing, **identity: Any) -> Component:
    """The figure in a box in which it scrolls where the page is narrow."""
    graph = dcc.Graph(figure=drawing.figure, style=drawing.style, config=config(name), className="graph", **identity)
    scrolls = {"role": "region", "tabIndex": 0, "aria-label": title} if drawing.least_width else {}
    return html.Div(graph, className="plot-box", **scrolls)


def message(*sentences: str) -> Component:
    """Plain words in place of a page."""
    return html.Div([html.P(sentence) for sentence in sentences], className="message", role="status")


def _cell(content: Any) -> Any:
    return content if hasattr(content, "to_plotly_json") or isinstance(content, list) else short(content)
