"""Slices: the value of every trial against each parameter that varies, one small plot a parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from hpsearch.figures.axes import NONE_MEASURED, NONE_VARIES, ParameterAxis, axes, measured, thinned
from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import (
    BLUE,
    GREY,
    LINE,
    ORANGE,
    STATE_SYMBOLS,
    axis,
    new_figure,
    nothing_to_draw,
    plain,
    scatter,
)
from hpsearch.wording import counted, in_words

if TYPE_CHECKING:
    import pandas

TITLE = "Slices"
_GAP = 0.04  # between columns, as a share of the width
_PLOT, _BETWEEN = 170, 66  # pixels: the height of a plot, and for ticks and name below it
_ABOVE = 52  # pixels, for the scale of colours
_ROOM = 72  # letters below all plots of a row, for their ticks
_LETTERS = 108  # below all plots of a row, for the names of their choices
_FIRST_TO_LAST = [[0.0, BLUE], [0.5, GREY], [1.0, ORANGE]]  # no worse and better, and seen on white and on black


@dataclass(frozen=True, slots=True)
class Slices:
    """What the figure draws.

    Attributes:
        points: ``number, state, value``, then a column a parameter by its own: its value, the place of its choice
            (`ParameterAxis.choices`), or NaN where it is inactive. The best first.
        axes: of the parameters that vary.
        trials: how many have a value; of more than are drawn, half of the points are the best and half stand for the
            others, at even places of their order.
    """

    points: pandas.DataFrame
    axes: Sequence[ParameterAxis]
    trials: int
    metric: str


def facts(rows: StudyRows, most: int = 2000) -> Slices:
    """Values of the complete and pruned trials, of at most `most`."""
    trials = measured(rows)
    drawn = thinned(trials, most)
    points = drawn[["number", "state", "value"]].copy()
    found = []
    for parameter, places in axes(rows, drawn):
        points[parameter.column] = places
        found.append(parameter)
    return Slices(points, found, len(trials), rows.metric)


def figure(facts: Slices, columns: int = 3) -> go.Figure:
    """Small plots with one axis of values, in at most so many columns; colours tell early trials from late ones."""
    if not len(facts.points):
        return nothing_to_draw(NONE_MEASURED)
    if not facts.axes:
        return nothing_to_draw(NONE_VARIES)
    columns = min(columns, len(facts.axes))
    rows = math.ceil(len(facts.axes) / columns)
    height = _ABOVE + rows * (_PLOT + _BETWEEN)
    drawn = new_figure(height=height, margin={"l": 56, "r": 16, "t": _ABOVE, "b": _BETWEEN}, showlegend=False)
    kind = scatter(len(facts.points) * len(facts.axes))
    traces: list[Any] = []
    panels: dict[str, Any] = {}
    for place, parameter in enumerate(facts.axes):
        points = facts.points[facts.points[parameter.column].notna()]
        for state, group in points.groupby("state", sort=False):
            traces.append(_points(kind, group, parameter, str(state), place))
        panels |= _panel(parameter, place, columns, rows, facts.metric)
    drawn.add_traces(traces)
    drawn.update_layout(
        **panels,
        coloraxis={
            "colorscale": _FIRST_TO_LAST,
            "colorbar": {
                "title": {"text": "trial ", "side": "right", "font": {"size": 12}},
                "orientation": "h",
                "thickness": 8,
                "lenmode": "pixels",
                "len": 180,
                "x": 0,
                "xanchor": "left",
                "y": 1,
                "yref": "container",
                "yanchor": "top",
                "outlinewidth": 0,
                "nticks": 5,
                "tickfont": {"size": 11},
            },
        },
    )
    return drawn


def _points(
    kind: type[go.Scatter] | type[go.Scattergl],
    points: pandas.DataFrame,
    parameter: ParameterAxis,
    state: str,
    place: int,
) -> go.Scatter | go.Scattergl:
    numbers = points["number"].to_numpy("int32")
    what = "" if parameter.is_grid else f"{plain(parameter.name)}: %{{x:.4g}}<br>"
    return kind(
        x=parameter.apart(points[parameter.column], points["number"]).astype("float32"),
        y=points["value"].to_numpy("float32"),
        xaxis=_axis_name("x", place),
        yaxis=_axis_name("y", place),
        customdata=numbers,
        mode="markers",
        name=state,
        marker={
            "color": numbers,
            "coloraxis": "coloraxis",
            "symbol": STATE_SYMBOLS[state],
            "size": 6,
            "opacity": 0.8,
            "line": {"width": 0.5, "color": LINE},
        },
        hovertemplate=f"trial %{{customdata}} ({state})<br>{what}%{{y:.5g}}<extra></extra>",
    )


def _panel(parameter: ParameterAxis, place: int, columns: int, rows: int, metric: str) -> dict[str, Any]:
    """The two axes of a small plot, in its part of the figure."""
    row, column = divmod(place, columns)
    width = (1 - _GAP * (columns - 1)) / columns
    left = column * (width + _GAP)
    whole = rows * (_PLOT + _BETWEEN) - _BETWEEN  # pixels between the top of the first row and the foot of the last
    top = 1 - row * (_PLOT + _BETWEEN) / whole
    small = {"size": 11}
    xaxis = parameter.settings(
        longest=max(5, _LETTERS // columns // max(1, len(parameter.choices))),
        room=_ROOM // columns,
        domain=[left, left + width],
        anchor=_axis_name("y", place),
        tickfont=small,
        tickangle=0,
        nticks=4,
    )
    xaxis["title"] |= {"standoff": 4, "font": {"size": 12}}
    return {
        _axis_name("xaxis", place): xaxis,
        _axis_name("yaxis", place): axis(
            domain=[max(0.0, top - _PLOT / whole), top],
            anchor=_axis_name("x", place),
            matches=None if place == 0 else "y",
            showticklabels=column == 0,
            ticks="outside" if column == 0 else "",
            title={"text": plain(in_words(metric)) if column == 0 else "", "font": {"size": 12}},
            tickfont=small,
        ),
    }


def _axis_name(letter: str, place: int) -> str:
    return letter if place == 0 else f"{letter}{place + 1}"


def caption(facts: Slices) -> str:
    """What the figure shows, in words."""
    if not len(facts.points):
        return NONE_MEASURED
    if not facts.axes:
        return NONE_VARIES
    count = len(facts.points)
    which = f"{counted(count, 'trial')} with a value"
    if facts.trials > count:
        which = f"{count:,} of {facts.trials:,} trials with a value (the best, and some of the others at even places)"
    what = f"{in_words(facts.metric).capitalize()} of {which} against"
    if len(facts.axes) == 1:
        return f"{what} the one parameter that varies."
    return (
        f"{what} each of the {len(facts.axes)} parameters that vary; a trial is in the plots of the parameters that it "
        f"has."
    )
