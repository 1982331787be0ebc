"""Parameters as axes: which of them vary, natural units on logarithmic scales, categories as ticks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hpsearch.figures.rows import Parameter, StudyRows
from hpsearch.figures.selection import as_choice
from hpsearch.figures.theme import axis, plain
from hpsearch.space import ParameterKind

if TYPE_CHECKING:
    import numpy
    import pandas

LONGEST = 24  # letters of a name or a category at an axis
FEW_VALUES = 8  # of a number that takes no more, each has a tick
NONE_MEASURED = "No trial is complete or pruned yet."  # what those say that draw `measured` trials alone
_MOST_TICKS = 4  # on a logarithmic axis
_SPREAD = (0.7548776662, 0.5698402910)  # pairs of their multiples lie evenly in a square
NONE_VARIES = "No parameter varies among the trials that have a value."


@dataclass(frozen=True, slots=True)
class ParameterAxis:
    """One parameter as an axis.

    Attributes:
        name: in the space.
        column: in `StudyRows.trials`.
        is_log: whether the space draws it on a logarithmic scale.
        choices: of a parameter that is a list of choices, those that trials have, as `selection.as_choice` writes
            them: numbers in their order, then the others in the file's. They stand at 0, 1, ...; empty for the rest.
        values: of a number of which trials have few different ones, these, rising; else empty.
        ticks: round numbers of a logarithmic axis; Plotly's own would be digits, or run into each other.
    """

    name: str
    column: str
    is_log: bool
    choices: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    ticks: tuple[float, ...] = ()

    @property
    def is_grid(self) -> bool:
        """Whether many trials share a place: that of a choice, or one of few values."""
        return bool(self.choices or self.values)

    def apart(
        self, places: pandas.Series[Any], numbers: pandas.Series[Any], is_second: bool = False
    ) -> numpy.ndarray[Any, Any]:
        """Where to draw the points of trials: on a grid those of one place a little apart, by their numbers."""
        import numpy

        drawn = places.to_numpy("float64")
        aside = (numbers.to_numpy("float64") * _SPREAD[is_second]) % 1 - 0.5
        if self.choices:
            return drawn + 0.5 * aside
        if len(self.values) < 2:
            return drawn
        grid = numpy.log10(self.values) if self.is_log else numpy.array(self.values)
        aside = 0.3 * float(numpy.diff(grid).min()) * aside
        return drawn * 10**aside if self.is_log else drawn + aside

    def settings(self, longest: int = LONGEST, room: int | None = None, **others: Any) -> dict[str, Any]:
        """A Plotly axis for it; `others` go on top.

        Args:
            longest: letters of a choice.
            room: letters that all ticks of numbers have together; those for which there is none are left out.
        """
        own = axis(
            title={"text": plain(shortened(self.name))},
            type="log" if self.is_log else "linear",
            exponentformat="none",  # 0.0001, not 100µ
            nticks=8,
        )
        if ticks := self.values or self.ticks:
            if room is not None:
                ticks = _fewer(ticks, room // (1 + max(len(f"{value:.4g}") for value in ticks)), self.is_log)
            own |= {"tickvals": list(ticks), "ticktext": [f"{value:.4g}" for value in ticks]}
        if self.values:
            own["range"] = self._range()
        if self.choices:
            own |= {
                "tickvals": list(range(len(self.choices))),
                "ticktext": list(map(plain, shortened_apart(self.choices, longest))),
                "range": [-0.5, len(self.choices) - 0.5],
            }
        return own | others

    def _range(self) -> list[float]:
        """From before the first of few values to beyond the last: farther than `apart` draws points."""
        import numpy

        grid = numpy.log10(self.values) if self.is_log else numpy.array(self.values)
        between = float(numpy.diff(grid).min()) if len(grid) > 1 else 1.0
        around = max(0.3 * between, 0.06 * float(numpy.ptp(grid)))
        return [float(grid[0]) - around, float(grid[-1]) + around]


def measured(rows: StudyRows) -> pandas.DataFrame:
    """Complete and pruned trials with their values, best first, ties to the lower number; the number is a column."""
    import numpy

    trials = rows.trials.reset_index()
    has_value = numpy.isfinite(trials["value"].astype("float64"))
    ended = trials[trials["state"].isin(["complete", "pruned"]) & has_value]
    return ended.sort_values(["value", "number"], ascending=[not rows.is_maximized, True], kind="stable")


def thinned(trials: pandas.DataFrame, most: int) -> pandas.DataFrame:
    """At most `most` of trials that stand best first: half of it the best, then every n-th of the others."""
    if len(trials) <= most:
        return trials
    best = most // 2
    step = -(-(len(trials) - best) // (most - best))
    return trials.iloc[[*range(best), *range(best, len(trials), step)]]


def active(rows: StudyRows, name: str, trials: pandas.DataFrame) -> pandas.Series[bool]:
    """In which of `trials` a parameter is active; it may be null there."""
    values = trials[next(parameter.column for parameter in rows.parameters if parameter.name == name)]
    return values.map(lambda value: value is None) | values.notna() if values.dtype == object else values.notna()


def axes(
    rows: StudyRows, trials: pandas.DataFrame, *, with_absence: bool = False
) -> list[tuple[ParameterAxis, numpy.ndarray[Any, Any]]]:
    """The parameters that vary among `trials`, and where the trials stand on each; NaN where it is inactive.

    Args:
        with_absence: whether a parameter that has one value, but not in all trials, varies too.
    """
    import numpy

    found = []
    for parameter in rows.parameters:
        drawn, places = _axis(rows, parameter, trials)
        is_there = ~numpy.isnan(places)
        kinds = len(numpy.unique(places[is_there]))
        if kinds > 1 or (with_absence and kinds == 1 and not is_there.all()):
            found.append((drawn, places))
    return found


def shortened(text: str, longest: int = LONGEST) -> str:
    """A long name with its end left out."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def shortened_apart(texts: Sequence[str], longest: int = LONGEST) -> list[str]:
    """Different texts, each shortened and none like another: what differs only behind keeps its end, or is counted."""
    found = [shortened(text, longest) for text in texts]
    if len(set(found)) < len(found):
        alike = Counter(found)
        half = (longest - 1) // 2
        found = [
            short if alike[short] == 1 else f"{text[: longest - 1 - half]}…{text[-half:]}"
            for text, short in zip(texts, found, strict=True)
        ]
    again = Counter(found)
    return [
        short if again[short] == 1 else f"{shortened(short, longest - 4)} ({place})"
        for place, short in enumerate(found, start=1)
    ]


def colour_ends(values: pandas.Series[Any], is_maximized: bool) -> tuple[float, float]:
    """Between which values colours differ: from the best to the worst but one in twenty, which may be far off."""
    low, high = values.quantile(0.05 if is_maximized else 0.0), values.quantile(1.0 if is_maximized else 0.95)
    return float(low), float(high)


def _axis(
    rows: StudyRows, parameter: Parameter, trials: pandas.DataFrame
) -> tuple[ParameterAxis, numpy.ndarray[Any, Any]]:
    import numpy

    is_active = active(rows, parameter.name, trials).to_numpy()
    places = numpy.full(len(trials), numpy.nan)
    present = trials.loc[is_active, parameter.column]
    if rows.definitions[parameter.name].kind is not ParameterKind.CHOICE:
        places[is_active] = present.astype("float64")
        values = _few(places[is_active])
        ticks = _log_ticks(places[is_active]) if parameter.is_log and not values else ()
        return ParameterAxis(parameter.name, parameter.column, parameter.is_log, values=values, ticks=ticks), places
    texts = [as_choice(value) for value in present.tolist()]
    choices = _choices(rows, parameter, set(texts))
    at = {choice: place for place, choice in enumerate(choices)}
    places[is_active] = [at[text] for text in texts]
    return ParameterAxis(parameter.name, parameter.column, False, choices), places


def _few(numbers: numpy.ndarray[Any, Any]) -> tuple[float, ...]:
    """The different ones of `numbers` where they are few and short: a grid, not draws from a range."""
    import numpy

    distinct = numpy.unique(numbers).tolist()
    is_grid = len(distinct) <= FEW_VALUES and all(float(f"{value:.4g}") == value for value in distinct)
    return tuple(distinct) if is_grid else ()


def _log_ticks(numbers: numpy.ndarray[Any, Any]) -> tuple[float, ...]:
    """Round numbers about as far as `numbers` go, at most four; none where those would be fewer than two."""
    if not len(numbers):
        return ()
    low, high = math.log10(numbers.min()), math.log10(numbers.max())
    near = 0.03 * (high - low)
    powers = range(math.floor(low), math.ceil(high) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{digit}e{power}") for power in powers for digit in digits]
        ticks = [tick for tick in ticks if low - near <= math.log10(tick) <= high + near]
        if len(ticks) <= _MOST_TICKS:
            break
    return tuple(ticks[:: -(-len(ticks) // _MOST_TICKS)]) if len(ticks) > 1 else ()


def _fewer(ticks: tuple[float, ...], most: int, is_log: bool) -> tuple[float, ...]:
    """Of rising ticks at most so many, or two: powers of ten where those are enough, else every n-th."""
    if len(ticks) <= max(2, most):
        return ticks
    powers = tuple(tick for tick in ticks if is_log and math.log10(tick) == round(math.log10(tick)))
    return powers if 2 <= len(powers) <= most else ticks[:: -(-len(ticks) // max(2, most))]


def _choices(rows: StudyRows, parameter: Parameter, there: set[str]) -> tuple[str, ...]:
    """Those of a parameter's choices that are `there`: numbers in their order, then the others in the file's."""
    values = rows.definitions[parameter.name].values
    numbers = sorted(value for value in values if isinstance(value, int | float) and not isinstance(value, bool))
    ordered = [*numbers, *(value for value in values if value not in numbers or isinstance(value, bool))]
    texts = dict.fromkeys(as_choice(value) for value in ordered)
    return (*(text for text in texts if text in there), *sorted(there - texts.keys()))
