"""The choice of trials as chips that can be taken away one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dash import html

from hpsearch.figures.selection import Selection
from hpsearch.figures.theme import short

if TYPE_CHECKING:
    import pandas

EVERYTHING = "*"  # the chip that takes all away


def chips(selection: Selection, trials: pandas.DataFrame) -> list[Any]:
    """A button for each column that is chosen by, and one for all where there are several.

    Args:
        trials: by what these have not, nothing is chosen out; the button says so.
    """
    texts = {column: f"{column} {_between(*ends)}" for column, ends in selection.ranges.items()}
    texts |= {
        column: f"{column} = {' or '.join(value or 'absent' for value in values)}"
        for column, values in selection.choices.items()
    }
    texts |= {column: f"{texts[column]} (nothing here)" for column in selection.without_effect(trials)}
    if len(texts) > 1:
        texts[EVERYTHING] = "all filters"
    return [
        html.Button(
            [text, html.Span(" ✕", **{"aria-hidden": "true"})],
            id={"type": "chip", "column": column},
            className="chip",
            title=f"Show all again: remove {text}",
        )
        for column, text in texts.items()
    ]


def without(selection: Selection, column: str) -> Selection:
    """The same without what is chosen by one column, or without all of it."""
    if column == EVERYTHING:
        return replace(selection, ranges={}, choices={})
    return replace(
        selection,
        ranges={name: ends for name, ends in selection.ranges.items() if name != column},
        choices={name: values for name, values in selection.choices.items() if name != column},
    )


def _between(low: float | None, high: float | None) -> str:
    if low is None:
        return "known" if high is None else f"≤ {short(high)}"
    return f"≥ {short(low)}" if high is None else f"{short(low)} to {short(high)}"
