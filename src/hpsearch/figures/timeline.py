"""Slots over time: a lane a slot, a bar an attempt; what lies between bars is idle time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from hpsearch.figures.lanes import busy, ends, idle_before, is_pause, lane_names, lanes_in_order
from hpsearch.figures.rows import StudyRows
from hpsearch.figures.theme import (
    BLUE,
    FEW,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    new_figure,
    nothing_to_draw,
    plain,
    scatter,
)
from hpsearch.figures.time_ticks import ticks
from hpsearch.wording import counted, duration

if TYPE_CHECKING:
    import pandas

TITLE = "Slots over time"
OPEN = "open"  # instead of an outcome
OUTCOME_COLOURS = {
    "complete": BLUE,
    "pruned": ORANGE,
    OPEN: GREEN,
    "stopped": SKY,
    "error": VERMILION,
    "nan": PURPLE,
    "oom": YELLOW,
    "timeout": "#7A4B2A",
    "lost": GREY,
}
_COLUMNS = ["trial", "attempt", "outcome", "lane", "started_at", "ended_at", "seconds"]
_FEW_LANES = 6  # so many are named one by one in the caption
_THICKNESS = 0.7  # of a lane


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the figure draws.

    Attributes:
        attempts: ``trial, attempt, outcome, lane, started_at, ended_at, seconds``, in the order of their starts;
            the outcome of one that has not ended is `OPEN`, and its end that of `lanes.ends`.
        lanes: ``busy, present, share`` by lane, in the order of slots; seconds, and the busy part of them.
        pauses: from and to, between sessions: nothing ran, for longer than a tenth of the time in which something did.
    """

    attempts: pandas.DataFrame
    lanes: pandas.DataFrame
    pauses: Sequence[tuple[pandas.Timestamp, pandas.Timestamp]]


def facts(rows: StudyRows, now: datetime | None = None) -> Timeline:
    """The attempts at the chosen trials by slot; those of a running study that are open last until `now`.

    How busy slots were, and when nothing ran, is said of all trials.
    """
    whole = rows.whole.attempts
    attempts = whole[["trial", "attempt", "started_at"]].copy()
    attempts["outcome"] = whole["outcome"].where(whole["outcome"].notna(), OPEN)
    attempts["lane"] = lane_names(whole)
    attempts["ended_at"] = ends(rows.whole, now)
    attempts["seconds"] = (attempts["ended_at"] - attempts["started_at"]).dt.total_seconds()
    attempts = attempts.sort_values(["started_at", "trial"], kind="stable", ignore_index=True)
    before = idle_before(attempts)
    after_pause = is_pause(attempts, before)
    return Timeline(
        attempts=attempts[attempts["trial"].isin(rows.trials.index)][_COLUMNS],
        lanes=busy(attempts, after_pause.astype("int64").cumsum(), lanes_in_order(whole)),
        pauses=list(zip(before[after_pause], attempts.loc[after_pause, "started_at"], strict=True)),
    )


def figure(facts: Timeline) -> go.Figure:
    """A bar an attempt, coloured by its outcome; a sign where a trial was tried again; pauses cut out."""
    if not len(facts.attempts):
        return nothing_to_draw("No trial has started yet.")
    pitch = 40 if len(facts.lanes) <= 12 else 20
    places = {lane: place for place, lane in enumerate(facts.lanes.index)}
    drawn = new_figure(height=130 + pitch * max(2, len(places)), barmode="overlay", bargap=0)
    is_many = len(facts.attempts) > FEW
    kind = go.Scatter if facts.pauses else scatter(len(facts.attempts))  # Scattergl draws no range breaks
    for outcome, colour in OUTCOME_COLOURS.items():
        attempts = facts.attempts[facts.attempts["outcome"] == outcome]
        if len(attempts) and is_many:
            drawn.add_traces(list(_segments(attempts, outcome, colour, places, kind, pitch)))
        elif len(attempts):
            drawn.add_trace(_bars(attempts, outcome, colour, attempts["lane"].map(places).to_numpy(dtype="int64")))
    again = facts.attempts[facts.attempts["attempt"] > 1]
    if len(again):
        drawn.add_trace(_again(again, again["lane"].map(places).to_numpy(dtype="float64"), kind))
    _cut(drawn, facts)
    drawn.update_layout(
        xaxis={"type": "date", "title": {"text": "UTC", "standoff": 4}, "automargin": True},
        yaxis={
            "tickvals": list(places.values()),
            "ticktext": [plain(lane) for lane in places],
            "range": [len(places) - 0.5, -0.6],
            "showgrid": False,
            "automargin": True,
        },
    )
    return drawn


def _bars(attempts: pandas.DataFrame, outcome: str, colour: str, at: Any) -> go.Bar:
    return go.Bar(
        orientation="h",
        base=_milliseconds(attempts["started_at"]),
        x=attempts["seconds"].to_numpy() * 1000.0,
        y=at,
        width=_THICKNESS,
        name=outcome,
        marker={
            "color": colour,
            "opacity": _alternating(at),
            "line": {"color": colour, "width": 0.5},  # so much of the shortest is seen
        },
        customdata=attempts[["trial", "attempt", "seconds"]].to_numpy(dtype="float64"),
        hovertemplate=(
            "trial %{customdata[0]}, attempt %{customdata[1]}: %{fullData.name}<br>"
            "from %{base|%Y-%m-%d %H:%M:%S}, %{customdata[2]:.4~g} s<extra></extra>"
        ),
    )


def _alternating(at: Any) -> list[float]:
    """Opacities by which a bar stands out from the one before it in its lane."""
    seen: Counter[int] = Counter()
    found = []
    for lane in at:
        found.append(0.95 if seen[lane] % 2 else 0.72)
        seen[lane] += 1
    return found


def _segments(
    attempts: pandas.DataFrame, outcome: str, colour: str, places: Mapping[str, int], kind: Any, pitch: int
) -> Iterator[Any]:
    """All bars of a lane as one broken line: thousands of bars would take a browser seconds."""
    import numpy

    for number, (lane, own) in enumerate(attempts.groupby("lane", sort=False)):
        ends = [_milliseconds(own["started_at"]), _milliseconds(own["ended_at"])]
        yield kind(
            x=numpy.column_stack([*ends, numpy.full(len(own), numpy.nan)]).ravel(),
            y0=places[str(lane)],
            dy=1e-9,  # a step of 0 would be taken for one of 1
            customdata=numpy.repeat(own["trial"].to_numpy(dtype="int64"), 3),
            mode="lines",
            name=outcome,
            legendgroup=outcome,
            showlegend=number == 0,
            line={"color": colour, "width": round(pitch * _THICKNESS * 0.8)},
            hovertemplate=f"trial %{{customdata}}: {outcome}<br>%{{x|%Y-%m-%d %H:%M:%S}}<extra></extra>",
        )


def _again(attempts: pandas.DataFrame, at: Any, kind: Any) -> Any:
    return kind(
        x=_milliseconds(attempts["started_at"]),
        y=at - _THICKNESS / 2 - 0.08,
        customdata=attempts[["trial", "attempt"]].to_numpy(dtype="int64"),
        mode="markers",
        name="tried again",
        marker={"symbol": "triangle-down", "size": 8, "color": VERMILION},
        hovertemplate="trial %{customdata[0]}, attempt %{customdata[1]} begins<br>%{x|%H:%M:%S}<extra></extra>",
    )


def _milliseconds(instants: pandas.Series[Any]) -> Any:
    """Instants as Plotly's dates take them in the fewest letters."""
    return instants.dt.as_unit("ms").astype("int64").to_numpy(dtype="float64")


def _cut(drawn: go.Figure, facts: Timeline) -> None:
    """Leave pauses out of the axis but for a little at both ends, with a line between."""
    import pandas

    margin = pandas.Timedelta(seconds=facts.lanes["present"].max() / 100)
    breaks = []
    for since, to in facts.pauses:
        left = min(margin, (to - since) / 4)
        breaks.append({"bounds": [_text(since + left), _text(to - left)]})
        place = _text(since + left)
        line = {"color": GREY, "width": 1.5, "dash": "dash"}
        drawn.add_shape(type="line", x0=place, x1=place, y0=0, y1=1, yref="paper", line=line)
    first, last = facts.attempts["started_at"].min(), facts.attempts["ended_at"].max()
    around = margin + pandas.Timedelta(milliseconds=1)
    drawn.update_xaxes(rangebreaks=breaks, range=[_text(first - around), _text(last + around)])
    if breaks:
        places = list(ticks(first, last, facts.pauses))
        drawn.update_xaxes(tickvals=[_text(instant) for instant, _ in places], ticktext=[text for _, text in places])


def _text(instant: pandas.Timestamp) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S.%f}"


def caption(facts: Timeline) -> str:
    """What the figure shows, in words."""
    if not len(facts.attempts):
        return "No trial has started yet."
    attempts, again = facts.attempts, int((facts.attempts["attempt"] > 1).sum())
    first, last = attempts["started_at"].min(), attempts["ended_at"].max()
    parts = [
        f"{counted(len(attempts), 'attempt')} at {counted(attempts['trial'].nunique(), 'trial')} in "
        f"{counted(len(facts.lanes), 'slot')}, from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
        + (f"; {again:,} of them tried a trial again" if again else "")
        + ".",
        _shares(facts),
    ]
    if facts.pauses:
        longest = max((to - since).total_seconds() for since, to in facts.pauses)
        parts.append(
            f"{counted(len(facts.pauses), 'pause')} in which nothing ran, the longest of "
            f"{duration(longest, decimals=0)}, {'is' if len(facts.pauses) == 1 else 'are'} cut out at the dashed lines."
        )
    return " ".join(part for part in parts if part)


def _shares(facts: Timeline) -> str:
    known = facts.lanes[facts.lanes["share"].notna()]
    if not len(known):
        return ""
    what = "Busy share of each slot" + (", pauses left out" if facts.pauses else "")
    if len(known) <= _FEW_LANES:
        return f"{what}: " + ", ".join(f"{lane} {share:.0%}" for lane, share in known["share"].items()) + "."
    whole = known["busy"].sum() / known["present"].sum()
    return f"{what}: {whole:.0%} in all, from {known['share'].min():.0%} to {known['share'].max():.0%}."
