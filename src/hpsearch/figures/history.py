"""Optimization history: every trial's value, the best so far, the target; what was pruned or failed is apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import plotly.graph_objects as go

from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import GREY, STATE_COLOURS, STATE_SYMBOLS, new_figure, nothing_to_draw, plain
from hpsearch.wording import counted, in_words

if TYPE_CHECKING:
    import pandas

TITLE = "Optimization history"
_FEW = 10  # trials, each with a tick
_DRAWN = 600  # points; more are slow without a graphics card, and cover one another
By = Literal["trial", "time"]


@dataclass(frozen=True, slots=True)
class History:
    """What the figure draws.

    Attributes:
        points: ``number, state, value, place``, one row a trial that has a value, in the order of ``place``: its
            number, or the hours from the study's start to its end.
        best: ``number, value, place``: complete trials that were better than all complete ones before them.
        failed: ``number, state, place`` of the trials without a value that have failed or were invalid.
        last: the largest place of all; where the line of the best ends.
    """

    points: pandas.DataFrame
    best: pandas.DataFrame
    failed: pandas.DataFrame
    last: float
    by: By
    metric: str
    target: float | None


def facts(rows: StudyRows, by: By = "trial") -> History:
    """The values of all trials in number order, or in the order in which they ended."""
    trials = rows.trials.reset_index()
    if by == "trial":
        trials["place"] = trials["number"].astype("float64")
    else:
        trials["place"] = (trials["ended_at"] - rows.study.created_at).dt.total_seconds() / 3600
        trials = trials[trials["place"].notna()].sort_values(["place", "number"])
    points = trials.loc[trials["value"].notna(), ["number", "state", "value", "place"]]
    failed = trials.loc[trials["state"].isin(["failed", "invalid"]) & trials["value"].isna()]
    return History(
        points=points,
        best=_best_so_far(points[points["state"] == "complete"], rows.is_maximized),
        failed=failed[["number", "state", "place"]],
        last=float(trials["place"].max()) if len(trials) else 0.0,
        by=by,
        metric=rows.metric,
        target=rows.target,
    )


def _best_so_far(complete: pandas.DataFrame, is_maximized: bool) -> pandas.DataFrame:
    reached = complete["value"].cummax() if is_maximized else complete["value"].cummin()
    is_new = reached.ne(reached.shift())
    return complete.loc[is_new, ["number", "value", "place"]]


def thinned(facts: History, most: int = _DRAWN) -> pandas.DataFrame:
    """The points that are drawn: all, or of more than `most` every n-th and those that were the best so far."""
    points = facts.points
    if len(points) <= most:
        return points
    every = -(-len(points) // most)
    chosen = points["number"].isin(facts.best["number"])
    chosen.iloc[::every] = True
    return points[chosen]


def figure(facts: History) -> go.Figure:
    """Values by number or by hours, one series a state; the best so far as steps."""
    if not len(facts.points) and not len(facts.failed):
        return nothing_to_draw("No trial has a value yet.")
    drawn = new_figure()
    for state, points in thinned(facts).groupby("state", sort=False):
        drawn.add_trace(
            go.Scatter(
                x=points["place"].to_numpy(),
                y=points["value"].to_numpy(),
                customdata=points["number"].to_numpy(),
                mode="markers",
                name=str(state),
                marker={
                    "color": STATE_COLOURS[str(state)],
                    "symbol": STATE_SYMBOLS[str(state)],
                    "size": 7,
                    "opacity": 0.75,
                },
                hovertemplate=f"trial %{{customdata}} ({state})<br>%{{y:.5g}}<extra></extra>",
            )
        )
    if len(facts.best):
        steps = facts.best
        drawn.add_trace(
            go.Scatter(
                x=[*steps["place"], facts.last],
                y=[*steps["value"], steps["value"].iloc[-1]],
                customdata=[*steps["number"], steps["number"].iloc[-1]],
                mode="lines",
                name="best so far",
                line={"shape": "hv", "color": STATE_COLOURS["complete"], "width": 2},
                hovertemplate="best so far: trial %{customdata}<br>%{y:.5g}<extra></extra>",
            )
        )
    for state, points in facts.failed.groupby("state", sort=False):
        drawn.add_trace(
            go.Scatter(
                x=points["place"].to_numpy(),
                y=[0.0] * len(points),
                customdata=points["number"].to_numpy(),
                yaxis="y2",
                mode="markers",
                name=f"{state}, no value",
                marker={"color": STATE_COLOURS[str(state)], "symbol": STATE_SYMBOLS[str(state)], "size": 8},
                hovertemplate=f"trial %{{customdata}}: {state}<extra></extra>",
            )
        )
    if facts.target is not None:
        drawn.add_hline(
            y=facts.target, line={"color": GREY, "dash": "dash"}, annotation_text="target", annotation_font_color=GREY
        )
    drawn.update_layout(
        xaxis={
            "title": {"text": "trial" if facts.by == "trial" else "hours since the study was created"},
            "dtick": 1 if facts.by == "trial" and facts.last < _FEW else None,  # no half trials
        },
        yaxis={"title": plain(in_words(facts.metric)), "automargin": True},
        yaxis2={"overlaying": "y", "range": [-0.05, 1], "visible": False, "fixedrange": True},
    )
    return drawn


def caption(facts: History) -> str:
    """What the figure shows, in words."""
    ones = counted(len(facts.failed), "failed or invalid one")
    without = f"; {ones} without a value along the bottom" if len(facts.failed) else ""
    if not len(facts.best):
        there = counted(len(facts.points), "trial")
        return f"{there} {'has' if len(facts.points) == 1 else 'have'} a value, none is complete yet{without}."
    best = facts.best.iloc[-1]
    drawn = len(thinned(facts))
    share = f" ({drawn:,} of them drawn)" if drawn < len(facts.points) else ""
    return (
        f"{counted(len(facts.points), 'trial')} with a value{share}, best {in_words(facts.metric)} {best['value']:.4f} "
        f"by trial {best['number']:.0f}{without}."
    )
