"""What a good value costs: value against model size and against training time, and the Pareto front of each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import plotly.graph_objects as go

from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import BLUE, VERMILION, axis, new_figure, nothing_to_draw, plain, scatter
from hpsearch.wording import counted, duration, in_words

if TYPE_CHECKING:
    import pandas

TITLE = "Value against cost"
Against = Literal["model_parameters", "seconds"]
_IN_WORDS: Mapping[str, str] = {"model_parameters": "model parameters", "seconds": "seconds of training"}
_FORMATS: Mapping[str, str] = {"model_parameters": ".4~s", "seconds": ",.4~g"}
_WIDE = 10.0  # costs that differ by more than this factor get a logarithmic axis
_NEAR = (0.22, 0.08)  # of width and height: names of points that are nearer than both would overlap


@dataclass(frozen=True, slots=True)
class Cost:
    """What the figure draws.

    Attributes:
        points: ``number, value, model_parameters, seconds``, one row a complete trial; the seconds of those that it
            continues are its own too. A cost that is not known is NaN.
        fronts: by cost ``number, cost, value``: the trials to which no other one is equal or better at the same cost
            or a smaller one, the cheapest first. Of equal ones the lowest number.
        against: the cost that stands on top.
    """

    points: pandas.DataFrame
    fronts: Mapping[str, pandas.DataFrame]
    against: Against
    metric: str
    is_maximized: bool

    @property
    def known(self) -> list[str]:
        """The costs that any trial has, the one that stands on top first."""
        ordered = sorted(self.fronts, key=lambda cost: cost != self.against)
        return [cost for cost in ordered if len(self.fronts[cost])]


def facts(rows: StudyRows, against: Against = "model_parameters") -> Cost:
    """Value, model parameters and seconds of every complete trial, and both Pareto fronts."""
    import pandas

    points = rows.complete[["value", "model_parameters"]].astype("float64").reset_index()
    points["seconds"] = pandas.Series(_seconds(rows.whole.trials, points["number"]), dtype="float64")
    fronts = {cost: _front(points, cost, rows.is_maximized) for cost in get_args(Against)}
    return Cost(points, fronts, against, rows.metric, rows.is_maximized)


def _seconds(trials: pandas.DataFrame, numbers: Iterable[int]) -> list[float]:
    """Seconds that each trial and those that it continues were trained."""
    own = dict(zip(trials.index, trials["seconds"], strict=True))
    parents = {number: int(parent) for number, parent in trials["parent"].dropna().items()}
    found = []
    for number in numbers:
        seconds, place = own[number], number
        while place in parents:
            place = parents[place]
            seconds += own[place]
        found.append(seconds)
    return found


def _front(points: pandas.DataFrame, cost: str, is_maximized: bool) -> pandas.DataFrame:
    known = points.loc[points[cost].notna(), ["number", cost, "value"]].rename(columns={cost: "cost"})
    ordered = known.sort_values(["cost", "value", "number"], ascending=[True, not is_maximized, True], kind="stable")
    reached = ordered["value"].cummax() if is_maximized else ordered["value"].cummin()
    return ordered[reached.ne(reached.shift())].reset_index(drop=True)


def figure(facts: Cost) -> go.Figure:
    """A panel a cost, over one another: every complete trial, the Pareto front as steps with the trials' numbers."""
    costs = facts.known
    if not costs:
        return nothing_to_draw("No trial is complete yet.")
    drawn = new_figure(height=90 + 290 * len(costs))
    kind = scatter(len(facts.points))
    for place, cost in enumerate(costs):
        panel = str(place + 1) if place else ""
        is_log = _is_wide(facts.points[cost])
        for trace in (_points(facts, cost, kind), _steps(facts, cost, is_log)):
            drawn.add_trace(trace.update(xaxis=f"x{panel}", yaxis=f"y{panel}", showlegend=not place))
        drawn.update_layout(
            {
                f"xaxis{panel}": axis(
                    title={"text": _IN_WORDS[cost], "standoff": 6},
                    anchor=f"y{panel}",
                    type="log" if is_log else "linear",
                    range=_range(facts.points[cost], is_log),
                    exponentformat="SI" if cost == "model_parameters" else "none",
                ),
                f"yaxis{panel}": axis(
                    title=plain(in_words(facts.metric)),
                    anchor=f"x{panel}",
                    domain=_domain(place, len(costs)),
                    automargin=True,
                ),
            }
        )
    return drawn


def _domain(place: int, count: int) -> list[float]:
    """The heights between which a panel stands, with room for the names of the axis below it."""
    height = (1 - 0.16 * (count - 1)) / count
    top = 1 - place * (height + 0.16)
    return [max(0.0, top - height), top]


def _is_wide(costs: pandas.Series[Any]) -> bool:
    return bool(costs.min() > 0 and costs.max() / costs.min() > _WIDE)


def _range(costs: pandas.Series[Any], is_log: bool) -> list[float]:
    """From the cheapest to the dearest, with room on the left for a name."""
    low, high = costs.min(), costs.max()
    if is_log:
        low, high = math.log10(low), math.log10(high)
    wide = (high - low) or 0.1 * high or 1.0
    return [low - 0.2 * wide, high + 0.06 * wide]


def _points(facts: Cost, cost: str, kind: Any) -> Any:
    known = facts.points[facts.points[cost].notna()]
    return kind(
        x=known[cost].to_numpy(dtype="float32"),
        y=known["value"].to_numpy(dtype="float32"),
        customdata=known["number"].to_numpy(),
        mode="markers",
        name="complete trial",
        legendgroup="points",
        marker={"color": BLUE, "size": 6, "opacity": 0.45},
        hovertemplate=_hover(cost),
    )


def _steps(facts: Cost, cost: str, is_log: bool) -> go.Scatter:
    front = facts.fronts[cost]
    named = _named(front, facts.points, cost, is_log)
    return go.Scatter(
        x=front["cost"].to_numpy(dtype="float32"),  # as the points below have it, or an axis shows the difference
        y=front["value"].to_numpy(dtype="float32"),
        customdata=front["number"].to_numpy(),
        text=[f"trial {number}" if is_named else "" for number, is_named in zip(front["number"], named, strict=True)],
        mode="lines+markers+text",
        textposition="top left" if facts.is_maximized else "bottom left",  # where by definition no point can be
        cliponaxis=False,
        name="best at its cost (Pareto front)",
        legendgroup="front",
        line={"shape": "hv", "color": VERMILION, "width": 2},
        marker={"size": 8, "color": VERMILION},
        hovertemplate=_hover(cost),
    )


def _hover(cost: str) -> str:
    return f"trial %{{customdata}}<br>%{{y:.5g}}<br>%{{x:{_FORMATS[cost]}}} {_IN_WORDS[cost]}<extra></extra>"


def _named(front: pandas.DataFrame, points: pandas.DataFrame, cost: str, is_log: bool) -> list[bool]:
    """Which points of a front are named: from the best down, those that are far enough from the last named one."""
    import numpy

    x, all_x = (numpy.log(costs) if is_log else costs for costs in (front["cost"].to_numpy(), points[cost].dropna()))
    y = front["value"].to_numpy()
    wide, high = max(float(numpy.ptp(all_x)), 1e-12), max(float(numpy.ptp(points["value"])), 1e-12)
    named = [False] * len(front)
    last: int | None = None
    for place in reversed(range(len(front))):
        if last is not None:
            across, down = abs(x[last] - x[place]) / wide, abs(y[last] - y[place]) / high
            if across < _NEAR[0] and down < _NEAR[1]:
                continue
        named[place], last = True, place
    return named


def _spent(cost: str, amount: float) -> str:
    if cost == "seconds":
        return duration(amount) if amount >= 1 else f"{amount:.3g} s"
    return f"{amount:,.0f}"


def caption(facts: Cost) -> str:
    """What the figure shows, in words."""
    if not facts.known:
        return "No trial is complete yet."
    parts = [f"{counted(len(facts.points), 'complete trial')}."]
    for cost in facts.known:
        front = facts.fronts[cost]
        cheap, best = front.iloc[0], front.iloc[-1]
        what = _IN_WORDS[cost]
        if len(front) == 1:
            parts.append(f"By {what}, trial {best['number']:.0f} is the cheapest and the best.")
            continue
        parts.append(
            f"By {what}, {len(front):,} of them are better than all that cost no more: from trial "
            f"{cheap['number']:.0f} ({_spent(cost, cheap['cost'])}: {in_words(facts.metric)} {cheap['value']:.4f}) to "
            f"trial {best['number']:.0f} ({_spent(cost, best['cost'])}: {best['value']:.4f})."
        )
    missing = [_IN_WORDS[cost] for cost in facts.fronts if cost not in facts.known]
    if missing:
        parts.append(f"Nothing is known of their {missing[0]}.")
    return " ".join(parts)
