"""Which trials are looked at: one choice for every chart, as it stands in a page's address."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hpsearch.study import TrialState
from hpsearch.wording import quoted

if TYPE_CHECKING:
    import pandas

_BETWEEN = ".."
# before a column in an address, so that no parameter can pass for another setting of the page
_WHERE = "where."  # a range
_IS = "is."  # values


@dataclass(frozen=True, slots=True)
class Selection:
    """A choice of trials; everything that is left out chooses all.

    Attributes:
        states: only these.
        ranges: by column, from and to, both included, None for no end; a trial without a value is out.
        choices: by column, the values as texts.
    """

    states: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_everything(self) -> bool:
        """Whether no trial is left out."""
        return not (self.states or self.ranges or self.choices)

    @classmethod
    def from_query(cls, query: Mapping[str, Sequence[str]]) -> Selection:
        """What an address says, such as ``states=complete,pruned&where.lr=0.001..0.01&is.optimizer=adam``.

        What cannot be read is left out: an address may come from anywhere.
        """
        known = [state.value for state in TrialState]
        states = tuple(state for text in query.get("states", ()) for state in text.split(",") if state in known)
        ranges = {
            name.removeprefix(_WHERE): between
            for name, values in query.items()
            if name.startswith(_WHERE) and values and (between := _range(values[0])) is not None
        }
        choices = {name.removeprefix(_IS): tuple(values) for name, values in query.items() if name.startswith(_IS)}
        return cls(states, ranges, choices)

    def to_query(self) -> dict[str, list[str]]:
        """The same as parts of an address; empty where everything is chosen."""
        query: dict[str, list[str]] = {"states": [",".join(self.states)]} if self.states else {}
        for column, (low, high) in self.ranges.items():
            query[_WHERE + column] = [f"{_end(low)}{_BETWEEN}{_end(high)}"]
        for column, values in self.choices.items():
            query[_IS + column] = list(values)
        return query

    def with_range(self, column: str, between: tuple[float | None, float | None] | None) -> Selection:
        """The same with another range of one column; None for none."""
        others = {name: ends for name, ends in self.ranges.items() if name != column}
        return replace(self, ranges=others if between is None else others | {column: between})

    def of(self, trials: pandas.DataFrame) -> pandas.DataFrame:
        """The chosen rows of a frame of trials. A column that the frame has not chooses nothing out."""
        import pandas

        chosen = pandas.Series(True, index=trials.index)
        if self.states:
            chosen &= trials["state"].isin(self.states)
        for column, (low, high) in self.ranges.items():
            if (values := _values(trials, column)) is not None and are_numbers(values):
                least, most = -math.inf if low is None else low, math.inf if high is None else high
                chosen &= values.astype("float64").between(least, most)
        for column, wanted in self.choices.items():
            if (values := _values(trials, column)) is not None:
                chosen &= values.map(as_choice).isin(wanted)
        return trials[chosen]

    def without_effect(self, trials: pandas.DataFrame) -> set[str]:
        """The columns by which nothing can be chosen out of such a frame: it has none, or none of numbers."""
        found = {name: _values(trials, name) for name in (*self.ranges, *self.choices)}
        return {
            name
            for name, values in found.items()
            if values is None or (name in self.ranges and not are_numbers(values))
        }


def _values(trials: pandas.DataFrame, column: str) -> pandas.Series[Any] | None:
    """A column of a frame of trials, whose index is their number; None where it has none of that name."""
    if column == trials.index.name:
        return trials.index.to_series()
    return trials.get(column)


def are_numbers(values: pandas.Series[Any]) -> bool:
    """Whether a column is one of numbers; true and false are none, nor is one with null."""
    import pandas

    return pandas.api.types.is_numeric_dtype(values) and not pandas.api.types.is_bool_dtype(values)


def as_choice(value: object) -> str:
    """A parameter's value as a text of its own to choose by; empty where it is inactive.

    ``true``, ``null``, ``adam``, ``0.1``, ``3`` for 3 and for 3.0, ``"3"`` for the text.
    """
    import pandas

    if value is pandas.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        return repr(float(value)).removesuffix(".0")
    return quoted(value) if isinstance(value, str) else str(value)


def _range(text: str) -> tuple[float | None, float | None] | None:
    low, found, high = text.partition(_BETWEEN)
    if not found:
        return None
    try:
        ends = [float(end) if end else None for end in (low, high)]
    except ValueError:
        return None
    if any(end is not None and math.isnan(end) for end in ends):
        return None
    first, last = (None if end is None or math.isinf(end) else end for end in ends)
    return first, last


def _end(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"
