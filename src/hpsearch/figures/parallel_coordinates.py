"""Parallel coordinates: a line a trial through every parameter that varies, up to its value; brushed to choose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from hpsearch.figures.axes import (
    LONGEST,
    NONE_MEASURED,
    NONE_VARIES,
    ParameterAxis,
    axes,
    colour_ends,
    measured,
    shortened,
    shortened_apart,
)
from hpsearch.figures.rows import StudyRows
from hpsearch.figures.selection import Selection
from hpsearch.figures.theme import TEXT, new_figure, nothing_to_draw, plain
from hpsearch.wording import counted, in_words

if TYPE_CHECKING:
    import numpy
    import pandas

TITLE = "Parallel coordinates"
ABSENT = "absent"
_MARGIN = 0.15  # of an axis, between its lowest number and the place of what is absent
_DIGITS = 6  # of a brush's ends
_COLOURS = [[0.0, "#5f6d95"], [0.5, "#918a75"], [1.0, "#e3c232"]]  # theme.SCALE without what is lost on a dark page
_BESIDE, _SLANTED = 12, 20  # letters of a choice between two axes, of a name above its axis
_HALF = 0.4  # of the way from a choice to the next, as a brush is drawn about it

Pairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis as it is drawn, for those who turn places on it back into values.

    Attributes:
        column: in `StudyRows.trials`; ``value`` for the objective. Also the name of the drawn dimension.
        label: for people.
        is_log: whether a place is the common logarithm of a value.
        choices: what stands at the places 0, 1, ..., as `selection.as_choice` writes it; empty for numbers.
        absent: the place of trials in which the parameter is inactive; None where it is active in all.
        ticks: places, and what is written there; empty where Plotly may choose.
        is_objective: whether this is the last axis, of the values.
    """

    column: str
    label: str
    is_log: bool = False
    choices: tuple[str, ...] = ()
    absent: float | None = None
    ticks: tuple[tuple[float, str], ...] = ()
    is_objective: bool = False


@dataclass(frozen=True, slots=True)
class ParallelCoordinates:
    """What the figure draws.

    Attributes:
        lines: ``number, state``, then a column an axis by its `Axis.column`: the places of the trial. In drawn order,
            the best last, which is on top.
        axes: in drawn order, the objective last.
        trials: how many have a value; of more than are drawn the best are.
        brushes: by column, the places from and to which are chosen; the lines outside are grey.
        colours: the values at the ends of the scale, the smaller first.
    """

    lines: pandas.DataFrame
    axes: Sequence[Axis]
    trials: int
    metric: str
    is_maximized: bool
    colours: tuple[float, float] = field(default=(0.0, 1.0))
    brushes: Mapping[str, Pairs] = field(default_factory=dict)


def facts(rows: StudyRows, most: int = 2000, brushed: Selection | None = None) -> ParallelCoordinates:
    """Places of the complete and pruned trials, of the `most` best where there are more.

    Args:
        brushed: whose ranges and choices are shown as brushes on the axes.
    """
    trials = measured(rows)
    drawn = trials.head(most).iloc[::-1]
    lines = drawn[["number", "state"]].copy()
    found: list[Axis] = []
    for parameter, values in axes(rows, drawn, with_absence=True):
        axis, lines[parameter.column] = _placed(parameter, values, is_first=not found)
        found.append(axis)
    lines["value"] = drawn["value"].astype("float64")
    objective = Axis("value", rows.metric, is_objective=True)
    ends = colour_ends(drawn["value"], rows.is_maximized) if len(drawn) else (0.0, 1.0)
    drawn_axes = [*found, objective]
    brushes = {axis.column: _brushes(axis, lines[axis.column], brushed) for axis in drawn_axes} if brushed else {}
    return ParallelCoordinates(lines, drawn_axes, len(trials), rows.metric, rows.is_maximized, ends, brushes)


def _placed(
    parameter: ParameterAxis, values: numpy.ndarray[Any, Any], *, is_first: bool
) -> tuple[Axis, numpy.ndarray[Any, Any]]:
    """The axis of a parameter, and its values as places; where it is inactive, the place of what is absent.

    Ticks are written left of their axis: those of the first have the margin, the others only what is between two.
    """
    import numpy

    is_there = ~numpy.isnan(values)
    places = numpy.log10(values) if parameter.is_log else values
    present = places[is_there]
    values_there = [(math.log10(value) if parameter.is_log else value, f"{value:.4g}") for value in parameter.values]
    choices = shortened_apart(parameter.choices, LONGEST if is_first else _BESIDE)
    ticks = [(float(place), choice) for place, choice in enumerate(choices)] or values_there
    absent = None
    if not is_there.all():
        room = 1.0 if parameter.choices else _MARGIN * float(present.max() - present.min() or 1.0)
        absent = float(present.min()) - room
    if not ticks and (parameter.is_log or absent is not None):
        ticks = number_ticks(float(present.min()), float(present.max()), parameter.is_log)
    if absent is not None:
        ticks = [(absent, ABSENT), *ticks]
    axis = Axis(parameter.column, parameter.name, parameter.is_log, parameter.choices, absent, tuple(ticks))
    return axis, places if absent is None else numpy.where(is_there, places, absent)


def number_ticks(low: float, high: float, is_log: bool) -> list[tuple[float, str]]:
    """Ticks at round numbers between two places, in natural units.

    Brushes snap to ticks, so a logarithmic axis has one at each digit, though not all are written.
    """
    if low == high:
        return [(low, f"{10**low if is_log else low:.4g}")]
    if not is_log:
        step = _round_step((high - low) / 5)
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        return [(count * step, f"{count * step:.4g}") for count in range(first, last + 1)]
    written = (1,) if high - low > 2 else (1, 2, 5) if high - low > 1 else tuple(range(1, 10))
    found = []
    for power in range(math.floor(low), math.ceil(high) + 1):
        for digit in range(1, 10):
            place = power + math.log10(digit)
            if low - 1e-9 <= place <= high + 1e-9:
                found.append((place, f"{digit * 10.0**power:.4g}" if digit in written else ""))
    return found


def _round_step(step: float) -> float:
    """The smallest of 1, 2, 5, 10, ... that is not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= step * (1 - 1e-9))


def ranges(
    facts: ParallelCoordinates, constraintranges: Mapping[str, Sequence[Any]]
) -> dict[str, tuple[float, float] | tuple[str, ...]]:
    """What brushes on the drawn axes choose, by column: from and to of numbers, choices as texts.

    For `Selection.ranges` and `Selection.choices`. A brush over numbers and over what is absent chooses the numbers;
    over what is absent alone it chooses the choice ``""``, which is how a `Selection` says so. Several brushes on an
    axis of numbers count from the lowest to the highest.

    Args:
        constraintranges: by column, as Plotly says: a pair of places or a list of pairs.
    """
    found: dict[str, tuple[float, float] | tuple[str, ...]] = {}
    for axis in facts.axes:
        pairs = places_of(constraintranges.get(axis.column, ()))
        if not pairs:
            continue
        has_absent = axis.absent is not None and any(low <= axis.absent <= high for low, high in pairs)
        if axis.choices:
            chosen = [text for at, text in enumerate(axis.choices) if any(low <= at <= high for low, high in pairs)]
            found[axis.column] = (*chosen, "") if has_absent else tuple(chosen)
            continue
        lowest = float(facts.lines.loc[facts.lines[axis.column] != axis.absent, axis.column].min())
        low, high = pairs[0][0], max(high for _, high in pairs)
        if has_absent and high < lowest:
            found[axis.column] = ("",)
        else:
            found[axis.column] = _natural(max(low, lowest) if has_absent else low, high, axis.is_log)
    return found


def _brushes(axis: Axis, places: pandas.Series[Any], brushed: Selection) -> Pairs:
    """Where on an axis a selection chooses; `ranges` makes that selection of it again, with ends where it has none."""
    present = places[places != axis.absent]
    lowest, highest = (float(present.min()), float(present.max())) if len(present) else (0.0, 0.0)
    wanted = brushed.choices.get(axis.column, ())
    found = [(at - _HALF, at + _HALF) for at, text in enumerate(axis.choices) if text in wanted]
    if axis.absent is not None and "" in wanted:
        room = _HALF * (lowest - axis.absent)
        found.insert(0, (axis.absent - room, axis.absent + room))
    if not axis.choices and axis.column in brushed.ranges:
        low, high = (_place(end, axis.is_log) for end in brushed.ranges[axis.column])
        low = min(lowest, highest if high is None else high) if low is None else low
        found.append((low, max(highest, low) if high is None else high))
    return tuple(found)


def _place(end: float | None, is_log: bool) -> float | None:
    """Where an end of a range stands; None at the end of the axis."""
    if end is None or not math.isfinite(end) or (is_log and end <= 0):
        return None
    return math.log10(end) if is_log else end


def places_of(brushed: Sequence[Any]) -> Pairs:
    """The pairs of places of a ``constraintrange``, rising."""
    pairs = brushed if brushed and isinstance(brushed[0], Sequence) else [brushed] if brushed else []
    return tuple(sorted((min(pair), max(pair)) for pair in pairs))


def _natural(low: float, high: float, is_log: bool) -> tuple[float, float]:
    """The ends of a brush in natural units, rounded outwards so that a value at an end is in."""
    ends = (10**low, 10**high) if is_log else (low, high)
    return _rounded(ends[0], math.floor), _rounded(ends[1], math.ceil)


def _rounded(value: float, towards: Any) -> float:
    if value == 0:
        return 0.0
    digits = _DIGITS - 1 - math.floor(math.log10(abs(value)))
    rounded = towards(round(value * 10.0**digits, 3)) / 10.0**digits  # a hair beside a round number is that number
    return float(f"{rounded:.{_DIGITS}g}")


def figure(facts: ParallelCoordinates) -> go.Figure:
    """One line a trial, the best bright and on top; dragging along an axis brushes it."""
    if not len(facts.lines):
        return nothing_to_draw(NONE_MEASURED)
    if len(facts.axes) == 1:
        return nothing_to_draw(NONE_VARIES)
    low, high = facts.colours
    sign = 1 if facts.is_maximized else -1  # lines of higher colours are drawn over the others
    longest = max([len(text) for _, text in facts.axes[0].ticks], default=0)  # written left of its axis
    drawn = new_figure(height=420, margin={"l": max(56, 16 + 7 * longest), "r": 72, "t": 110, "b": 24})
    drawn.add_trace(
        go.Parcoords(
            dimensions=[
                _dimension(axis, facts.lines[axis.column], facts.brushes.get(axis.column, ())) for axis in facts.axes
            ],
            line={
                "color": (sign * facts.lines["value"]).to_numpy("float32"),
                "colorscale": _COLOURS,
                "cmin": min(sign * low, sign * high),
                "cmax": max(sign * low, sign * high),
            },
            labelangle=-35,
            labelfont={"size": 12, "color": TEXT},
            tickfont={"size": 11, "color": TEXT, "shadow": "none"},
            rangefont={"size": 1, "color": "rgba(0, 0, 0, 0)"},  # ticks say it
        )
    )
    return drawn


def _dimension(axis: Axis, places: pandas.Series[Any], brushes: Pairs) -> dict[str, Any]:
    low, high = float(places.min()), float(places.max())
    found = {
        "name": axis.column,
        "label": plain(shortened(axis.label, _SLANTED)),
        "values": places.to_numpy("int8" if axis.choices and len(axis.choices) < 128 else "float32"),
        "range": [low, high] if low < high else [low - 0.5, high + 0.5],
        "multiselect": bool(axis.choices),
    }
    if brushes:
        found["constraintrange"] = [list(pair) for pair in brushes] if len(brushes) > 1 else list(brushes[0])
    if axis.ticks:
        found |= {"tickvals": [at for at, _ in axis.ticks], "ticktext": _distinct([text for _, text in axis.ticks])}
    return found


def _distinct(texts: Sequence[str]) -> list[str]:
    """Texts of ticks, told apart by spaces behind them: Plotly takes equal ones for one tick.

    They are no HTML here: Plotly writes ticks of this kind letter by letter.
    """
    found: dict[str, None] = {}
    for text in texts:
        while text in found:
            text += " "
        found[text] = None
    return list(found)


def caption(facts: ParallelCoordinates) -> str:
    """What the figure shows, in words."""
    if not len(facts.lines):
        return NONE_MEASURED
    if len(facts.axes) == 1:
        return NONE_VARIES
    which = f"{counted(len(facts.lines), 'trial')} with a value"
    if facts.trials > len(facts.lines):
        which = f"The best {len(facts.lines):,} of {facts.trials:,} trials with a value"
    absent = [axis.label for axis in facts.axes if axis.absent is not None]
    inactive = f"; not all have {', '.join(absent)}" if absent else ""
    varying = "one parameter that varies" if len(facts.axes) == 2 else f"{len(facts.axes) - 1} parameters that vary"
    return (
        f"{which} over the {varying}, the best by {in_words(facts.metric)} "
        f"bright{inactive}. Drag along an axis to choose trials."
    )
