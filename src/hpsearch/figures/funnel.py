"""Hyperband funnel: rungs of every bracket, how many trials each began with and how many went on to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import BLUE, SKY, STATE_COLOURS, new_figure, nothing_to_draw, plain, short
from hpsearch.wording import counted, in_words

if TYPE_CHECKING:
    import pandas

TITLE = "Hyperband funnel"
_STATES = ("complete", "pruned", "failed", "invalid", "running", "waiting")
_NOTHING = "This search has no rungs: only Hyperband draws trials in brackets and promotes the best of them."


@dataclass(frozen=True, slots=True)
class Funnel:
    """What the figure draws.

    Attributes:
        rungs: one row a rung, in the order in which they open: ``bracket, rung, epochs, started, promoted``, the
            number of trials by state, and ``best``, the best value of a complete one. ``epochs`` are those that a
            trial has at its end, its parent's included; ``started`` leaves out invalid and waiting trials, and
            those that failed before a worker had them, as their parent had; promoted are complete trials that another
            one continues.
        metric: of ``best``.
        iterations: how often the brackets were run through; they are drawn together.
    """

    rungs: pandas.DataFrame
    metric: str
    iterations: int


def facts(rows: StudyRows) -> Funnel:
    """What became of the trials of every rung."""
    trials = rows.trials[rows.trials["bracket"].notna()].reset_index()
    is_complete = trials["state"] == "complete"
    trials["promoted"] = is_complete & trials["number"].isin(rows.whole.trials["parent"].dropna())
    trials["best"] = trials["value"].where(is_complete).astype("float64")
    for state in _STATES:
        trials[state] = trials["state"] == state
    trials["started"] = trials["started_at"].notna() & ~(trials["invalid"] | trials["waiting"])
    best = "max" if rows.is_maximized else "min"
    rungs = (
        trials.groupby(["bracket", "rung"])
        .agg({"epochs": "max", "started": "sum", "promoted": "sum", **dict.fromkeys(_STATES, "sum"), "best": best})
        .reset_index()
        .sort_values(["bracket", "rung"], ascending=[False, True], ignore_index=True)
    )
    search = rows.study.resolved.get("search") or {}
    return Funnel(rungs, rows.metric, int(search.get("iterations", 1)))


def figure(facts: Funnel) -> go.Figure:
    """A row a rung, under the heading of its bracket: bars of what became of its trials, and the best value."""
    if not len(facts.rungs):
        return nothing_to_draw(_NOTHING)
    places, ticks = _places(facts.rungs)
    parts = _parts(facts.rungs)
    words = [_in_words(facts, rung) for rung in facts.rungs.to_dict("records")]
    drawn = new_figure(
        height=130 + 26 * len(ticks), barmode="stack", bargap=0.25, uniformtext={"minsize": 10, "mode": "hide"}
    )
    for name, counts, colour in parts:
        if any(counts):
            drawn.add_trace(
                go.Bar(
                    orientation="h",
                    x=counts,
                    y=places,
                    name=name,
                    marker_color=colour,
                    text=[str(count) if count else "" for count in counts],
                    textposition="inside",
                    insidetextanchor="middle",
                    textangle=0,
                    hovertext=words,
                    hoverinfo="text",
                )
            )
    totals = [sum(counts) for counts in zip(*(counts for _, counts, _ in parts), strict=True)]
    drawn.add_trace(
        go.Scatter(
            x=totals,
            y=places,
            text=[f" {best:.4f}" if best == best else "" for best in facts.rungs["best"]],
            mode="text",
            textposition="middle right",
            cliponaxis=False,
            hoverinfo="skip",
            showlegend=False,
        )
    )
    drawn.add_annotation(
        text=f"best {plain(in_words(facts.metric))}", x=1, xref="paper", xanchor="right", y=0, showarrow=False
    )
    drawn.update_layout(
        legend_traceorder="normal",
        xaxis={
            "title": "trials",
            "range": [0, 1.3 * max(totals)],
        },
        yaxis={
            "tickvals": list(ticks),
            "ticktext": list(ticks.values()),
            "range": [len(ticks) - 0.4, -0.6],
            "showgrid": False,
            "ticks": "",
            "automargin": True,
        },
    )
    return drawn


def _places(rungs: pandas.DataFrame) -> tuple[list[int], dict[int, str]]:
    """Where each rung stands, from the top, and what stands beside the axis."""
    places: list[int] = []
    ticks: dict[int, str] = {}
    for bracket, own in rungs.groupby("bracket", sort=False):
        ticks[len(ticks)] = f"<b>bracket {bracket}</b>"
        for rung, epochs in zip(own["rung"], own["epochs"], strict=True):
            places.append(len(ticks))
            ticks[len(ticks)] = f"rung {rung}: {epochs} epoch{'' if epochs == 1 else 's'}"
    return places, ticks


def _parts(rungs: pandas.DataFrame) -> list[tuple[str, list[int], str]]:
    """Every trial of a rung once, as (what became of it, how many in each rung, colour)."""
    parts = [
        ("promoted", rungs["promoted"].tolist(), BLUE),
        ("complete, not promoted", (rungs["complete"] - rungs["promoted"]).tolist(), SKY),
    ]
    return parts + [(state, rungs[state].tolist(), STATE_COLOURS[state]) for state in _STATES[1:]]


def _in_words(facts: Funnel, rung: dict[Any, Any]) -> str:
    counts = [f"{rung[state]} {state}" for state in _STATES if rung[state]]
    best = f"<br>best {plain(in_words(facts.metric))} {short(rung['best'])}" if rung["complete"] else ""
    return (
        f"bracket {rung['bracket']}, rung {rung['rung']}: to epoch {rung['epochs']}<br>"
        f"{rung['started']} started: {', '.join(counts)}<br>{rung['promoted']} promoted{best}"
    )


def caption(facts: Funnel) -> str:
    """What the figure shows, in words."""
    if not len(facts.rungs):
        return _NOTHING
    brackets = []
    for bracket, own in facts.rungs.groupby("bracket", sort=False):
        sizes = ", ".join(f"{n:,} at {epochs}" for n, epochs in zip(own["started"], own["epochs"], strict=True))
        brackets.append(f"bracket {bracket} had {sizes} epoch{'' if own['epochs'].iloc[-1] == 1 else 's'}")
    more = f" The {facts.iterations} iterations are drawn together." if facts.iterations > 1 else ""
    started, promoted = int(facts.rungs["started"].sum()), int(facts.rungs["promoted"].sum())
    return (
        f"{counted(started, 'trial')} started, {promoted:,} of them {'was' if promoted == 1 else 'were'} promoted to "
        f"the next rung: {'; '.join(brackets)}. Beside each rung the best {in_words(facts.metric)} in it.{more}"
    )
