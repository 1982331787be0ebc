"""Ticks of a time axis from which pauses are cut out: Plotly's own would stand in the pauses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

_MOST = 6  # in all: so many fit on a phone
_NEAR = 0.8  # of the room for a tick: nearer ones would overlap
_STEPS = (
    "1s",
    "5s",
    "15s",
    "1min",
    "2min",
    "5min",
    "10min",
    "15min",
    "30min",
    "1h",
    "2h",
    "3h",
    "6h",
    "12h",
    "1D",
    "7D",
)


def ticks(
    first: pandas.Timestamp, last: pandas.Timestamp, pauses: Sequence[tuple[pandas.Timestamp, pandas.Timestamp]]
) -> list[tuple[pandas.Timestamp, str]]:
    """(instant, text): where sessions begin, with the day, and round times between; none too near the one before.

    Where two are too near to each other, the beginning of a session counts more.
    """
    import pandas

    sessions = list(zip([first, *(to for _, to in pauses)], [*(since for since, _ in pauses), last], strict=True))
    left = sum(((to - since) for since, to in sessions), pandas.Timedelta(0))
    step = next((step for step in map(pandas.Timedelta, _STEPS) if step * _MOST >= left), left / _MOST)
    near = _NEAR * min(step, left / _MOST)  # sessions may be shorter than the smallest step
    clock = "%H:%M:%S" if step < pandas.Timedelta(minutes=1) else "%H:%M"
    found: list[tuple[pandas.Timestamp, str]] = []
    before, shown, is_begin = pandas.Timedelta(0), -step, True  # length of the sessions so far; the last tick
    for begin, end in sessions:
        for instant in [begin, *pandas.date_range(begin.ceil(step), end, freq=step)]:
            place = before + (instant - begin)
            if place - shown < near:
                if is_begin or instant != begin:
                    continue
                found.pop()
            shown, is_begin = place, instant == begin
            found.append((instant, f"{instant:{clock}}" + (f"<br>{instant:%b} {instant.day}" if is_begin else "")))
        before += end - begin
    return found
