"""The value over two parameters: trials as points, and the mean around places that have trials nearby."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from hpsearch.figures import importances
from hpsearch.figures.axes import NONE_MEASURED, ParameterAxis, axes, colour_ends, measured, thinned
from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import SCALE, new_figure, nothing_to_draw, plain, scatter
from hpsearch.wording import counted, in_words

if TYPE_CHECKING:
    import numpy
    import pandas

TITLE = "Value over two parameters"
MOST_NODES = 20  # along an axis
FEWEST_NODES = 5
_DRAWN = 1000  # points


@dataclass(frozen=True, slots=True)
class Contour:
    """What the figure draws.

    Attributes:
        points: ``number, state, value, x, y`` of the trials that have both parameters, the best first: natural units,
            or the place of a choice.
        nodes: ``x, y, value, trials``: a grid over the points, even on the axes' own scales, with the mean of the
            trials within `reach` of each node, and how many they are; NaN where there is none.
        reach: along x and y: the distance of two nodes, as a logarithm on a logarithmic axis; 0 where the nodes are
            the choices, or the few values that there are.
        without: how many trials with a value lack one of the two.
        colours: the values at the ends of the scale, the smaller first.
        reason: why nothing is drawn, in one sentence.
    """

    points: pandas.DataFrame
    nodes: pandas.DataFrame
    x: ParameterAxis | None
    y: ParameterAxis | None
    reach: tuple[float, float]
    without: int
    colours: tuple[float, float]
    metric: str
    is_maximized: bool
    reason: str | None = None


def facts(rows: StudyRows, x: str | None = None, y: str | None = None) -> Contour:
    """Values of the complete and pruned trials over two parameters.

    Args:
        x, y: names of parameters; by default the two most important numbers, or the first two of what varies. Those
            that most trials have come first.
    """
    trials = measured(rows)
    found = {axis.name: (axis, places) for axis, places in axes(rows, trials)}
    names = _names(rows, list(found), x, y)
    if len(trials) == 0 or len(found) < 2 or len(names) < 2:
        return _nothing(rows, trials, _reason(trials, list(found), x, y))
    (x_axis, x_places), (y_axis, y_places) = found[names[0]], found[names[1]]
    points = trials[["number", "state", "value"]].assign(x=x_places, y=y_places)
    points = points[points["x"].notna() & points["y"].notna()]
    if points["x"].nunique() < 2 or points["y"].nunique() < 2:
        return _nothing(rows, trials, f"Too few trials have both {names[0]} and {names[1]}.")
    nodes, reach = _nodes(points, x_axis, y_axis)
    return Contour(
        points=points,
        nodes=nodes,
        x=x_axis,
        y=y_axis,
        reach=reach,
        without=len(trials) - len(points),
        colours=colour_ends(points["value"], rows.is_maximized),
        metric=rows.metric,
        is_maximized=rows.is_maximized,
    )


def _names(rows: StudyRows, varying: list[str], x: str | None, y: str | None) -> list[str]:
    """The two parameters: those asked for where they vary, then by importance, numbers before choices."""
    asked = [name for name in (x, y) if name is not None]
    if any(name not in varying for name in asked) or len(set(asked)) < len(asked):
        return []
    if len(asked) == 2:
        return asked
    is_number = {parameter.name: parameter.is_number for parameter in rows.parameters}
    is_rare = {parameter.name: rows.trials[parameter.column].notna().mean() < 0.5 for parameter in rows.parameters}
    important = list(importances.facts(rows).parameters["parameter"])
    ordered = [*important, *(name for name in varying if name not in important)]
    ordered = sorted(filter(varying.__contains__, ordered), key=lambda name: (not is_number[name], is_rare[name]))
    others = [name for name in ordered if name not in asked]
    return [*asked, *others][:2] if x is not None or y is None else [*others[:1], y]


def _reason(trials: pandas.DataFrame, varying: list[str], x: str | None, y: str | None) -> str:
    if not len(trials):
        return NONE_MEASURED
    constant = [name for name in (x, y) if name is not None and name not in varying]
    if constant:
        return f"{constant[0]} does not vary among the trials that have a value."
    return "This figure needs two parameters that vary among the trials that have a value."


def _nothing(rows: StudyRows, trials: pandas.DataFrame, reason: str) -> Contour:
    import pandas

    points = trials[["number", "state", "value"]].head(0).assign(x=0.0, y=0.0)
    nodes = pandas.DataFrame(columns=["x", "y", "value", "trials"])
    return Contour(
        points, nodes, None, None, (0.0, 0.0), len(trials), (0.0, 1.0), rows.metric, rows.is_maximized, reason
    )


def _nodes(
    points: pandas.DataFrame, x: ParameterAxis, y: ParameterAxis
) -> tuple[pandas.DataFrame, tuple[float, float]]:
    """The grid with the means around its nodes."""
    import numpy
    import pandas

    most = min(MOST_NODES, max(FEWEST_NODES, math.ceil(math.sqrt(len(points)))))
    x_nodes, x_reach, near_x = _along(x, points["x"].to_numpy("float64"), most)
    y_nodes, y_reach, near_y = _along(y, points["y"].to_numpy("float64"), most)
    # no matrix product: its threads would wait for each other where others use the cores
    counts = numpy.einsum("ty,tx->yx", near_y, near_x)
    sums = numpy.einsum("ty,tx->yx", near_y, near_x * points["value"].to_numpy("float64")[:, None])
    means = numpy.where(counts > 0, sums / numpy.maximum(counts, 1), numpy.nan)
    table = pandas.DataFrame(
        {
            "x": numpy.tile(x_nodes, len(y_nodes)),
            "y": numpy.repeat(y_nodes, len(x_nodes)),
            "value": means.ravel(),
            "trials": counts.ravel().astype("int64"),
        }
    )
    return table, (x_reach, y_reach)


def _along(
    axis: ParameterAxis, values: numpy.ndarray[Any, Any], most: int
) -> tuple[numpy.ndarray[Any, Any], float, numpy.ndarray[Any, Any]]:
    """Nodes along an axis in its units, how far they reach, and which trials (rows) each of them (columns) reaches."""
    import numpy

    distinct = numpy.unique(values)
    if axis.is_grid:
        return distinct, 0.0, (values[:, None] == distinct).astype("float64")
    places = numpy.log10(values) if axis.is_log else values
    nodes = numpy.linspace(places.min(), places.max(), min(most, len(distinct)))
    reach = float(nodes[1] - nodes[0])
    near = (numpy.abs(places[:, None] - nodes) <= reach * (1 + 1e-9)).astype("float64")
    return (10**nodes if axis.is_log else nodes), reach, near


def figure(facts: Contour) -> go.Figure:
    """Means as colours with lines between them, or as cells over choices; trials as points of their own colour."""
    if facts.reason is not None or facts.x is None or facts.y is None:
        return nothing_to_draw(facts.reason or "")
    drawn = new_figure(height=460, showlegend=False)
    drawn.add_trace(_surface(facts, facts.x, facts.y))
    points = thinned(facts.points, _DRAWN)
    drawn.add_trace(
        scatter(len(points))(
            x=facts.x.apart(points["x"], points["number"]).astype("float32"),
            y=facts.y.apart(points["y"], points["number"], is_second=True).astype("float32"),
            customdata=points["number"].to_numpy("int32"),
            mode="markers",
            marker={
                "color": points["value"].to_numpy("float32"),
                "coloraxis": "coloraxis",
                "size": 7,
                "line": {"width": 0.7, "color": "rgba(255, 255, 255, 0.8)"},
            },
            hovertemplate="trial %{customdata}<br>%{marker.color:.5g}<extra></extra>",
        )
    )
    low, high = facts.colours
    drawn.update_layout(
        xaxis=facts.x.settings(),
        yaxis=facts.y.settings(automargin=True),
        coloraxis={
            "colorscale": SCALE,
            "reversescale": not facts.is_maximized,
            "cmin": low,
            "cmax": high,
            "colorbar": {"title": {"text": plain(in_words(facts.metric)), "side": "right"}, "thickness": 12},
        },
    )
    return drawn


def _surface(facts: Contour, x: ParameterAxis, y: ParameterAxis) -> go.Contour | go.Heatmap:
    grid = facts.nodes.pivot(index="y", columns="x", values="value")
    counts = facts.nodes.pivot(index="y", columns="x", values="trials")
    shared: dict[str, Any] = {
        "x": grid.columns.to_numpy("float64"),
        "y": grid.index.to_numpy("float64"),
        "z": grid.to_numpy("float32"),
        "text": counts.to_numpy("int32"),  # no customdata: a click on the surface is no click on a trial
        "coloraxis": "coloraxis",
        "opacity": 0.85,
        "hovertemplate": "mean %{z:.4g} of %{text} trials nearby<extra></extra>",
    }
    if x.choices or y.choices:  # nothing lies between two choices
        return go.Heatmap(**shared)
    line = {"width": 0.5, "color": "rgba(255, 255, 255, 0.5)", "smoothing": 0.8}
    return go.Contour(**shared, contours={"coloring": "heatmap"}, line=line, connectgaps=False)


def caption(facts: Contour) -> str:
    """What the figure shows, in words."""
    if facts.reason is not None or facts.x is None or facts.y is None:
        return facts.reason or ""
    drawn = f", {_DRAWN:,} of them as points" if len(facts.points) > _DRAWN else ""
    without = (
        f"; {counted(facts.without, 'trial')} {'lacks' if facts.without == 1 else 'lack'} one of the two"
        if facts.without
        else ""
    )
    return (
        f"{in_words(facts.metric).capitalize()} of {len(facts.points):,} trials over {facts.x.name} and "
        f"{facts.y.name}{drawn}{without}. The surface is the mean of the trials nearby, and blank where there is none."
    )
