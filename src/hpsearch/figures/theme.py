"""How all figures look: colours that the colour-blind tell apart, backgrounds that fit a light page and a dark one."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

# Okabe and Ito, "Color Universal Design" (2008): eight colours that all people tell apart
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW, GREY = "#56B4E9", "#CC79A7", "#F0E442", "#8A8F98"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW, GREY)
SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up")
STATE_COLOURS: Mapping[str, str] = {
    "complete": BLUE,
    "pruned": ORANGE,
    "failed": VERMILION,
    "invalid": PURPLE,
    "running": GREEN,
    "waiting": GREY,
}
STATE_SYMBOLS: Mapping[str, str] = {
    "complete": "circle",
    "pruned": "diamond",
    "failed": "x",
    "invalid": "cross",
    "running": "triangle-right",
    "waiting": "circle-open",
}
SCALE = "Cividis"  # from worse to better; readable in grey, too
LINE = "rgba(128, 128, 128, 0.25)"  # of grids: visible on white and on black
TEXT = "#4a5160"  # in pictures saved from a page; pages themselves colour texts by their own theme
_LINE = 44  # letters
FEW = 1_000  # so many points are drawn as shapes, more by the graphics card


def new_figure(**layout: Any) -> go.Figure:
    """An empty figure in our look; `layout` goes on top."""
    axis = {"gridcolor": LINE, "zeroline": False, "linecolor": LINE, "ticks": "outside", "tickcolor": LINE}
    figure = go.Figure()
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": TEXT},
        colorway=list(SERIES),
        margin={"l": 64, "r": 16, "t": 16, "b": 52},
        height=380,
        hovermode="closest",
        hoverlabel={"align": "left", "namelength": -1},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": BLUE},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        uirevision="kept",  # the same figure drawn anew: what a person has done to it stays
        xaxis=axis,
        yaxis=axis,
    )
    figure.update_layout(**layout)
    return figure


def axis(**settings: Any) -> dict[str, Any]:
    """An axis in our look, for figures with several of them."""
    own = {"gridcolor": LINE, "zeroline": False, "linecolor": LINE, "ticks": "outside", "tickcolor": LINE}
    return own | settings


def nothing_to_draw(sentence: str) -> go.Figure:
    """A figure without data that says why, in one sentence."""
    figure = new_figure(height=160)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    lines = [plain(line) for line in textwrap.wrap(sentence, _LINE)]  # Plotly breaks no lines, and phones are narrow
    figure.add_annotation(text="<br>".join(lines), showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure


def config(name: str) -> dict[str, Any]:
    """Plotly's own settings of a figure: it fits its box and has a button that saves it as NAME.png."""
    return {
        "responsive": True,
        "displaylogo": False,
        "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d", "sendChartToCloud"],
        "plotlyServerURL": "",  # nothing is ever sent to anybody
        "toImageButtonOptions": {"format": "png", "filename": f"hpsearch-{name}", "scale": 2},
    }


def plain(text: object) -> str:
    """A person's text as Plotly shows it letter by letter: it would read ``<b>`` and ``<a>`` as HTML."""
    return html.escape(str(text), quote=False)


def short(value: object) -> str:
    """A value for people: numbers to four significant digits, nothing for what is missing."""
    import pandas

    if value is None or value is pandas.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def scatter(points: int) -> Any:
    """The kind of scatter for so many points: beyond `FEW` the graphics card draws them."""
    return go.Scattergl if points > FEW else go.Scatter
