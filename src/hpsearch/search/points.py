"""All configurations of a finite space, numbered, without ever listing them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hpsearch.space.parameters import Condition, Parameter, ParameterKind
from hpsearch.space.values import Scalar, equal
from hpsearch.study import Parameters

Interval = tuple[int, int]  # places start .. end - 1 of a parameter's values
_Held = frozenset[Condition]


def place_of(parameter: Parameter, value: Scalar) -> int:
    """The place of `value` in a finite parameter, without walking over a long grid of floats.

    Raises:
        ValueError: `value` is none of its values.
    """
    if parameter.kind is ParameterKind.FLOAT and isinstance(value, int | float):
        assert parameter.min is not None
        assert parameter.step is not None
        place = round((value - parameter.min) / parameter.step)
        if 0 <= place < (parameter.size or 0) and equal(parameter.value_at(place), value):
            return place
    return parameter.index_of(value)


class Places(dict[tuple[type, Scalar], int]):
    """The places of a finite parameter's values by their type and value (1 is not true), each looked for once."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self._parameter = parameter

    def __missing__(self, key: tuple[type, Scalar]) -> int:
        place = self[key] = place_of(self._parameter, key[1])
        return place


def holding(parameter: Parameter, condition: Condition) -> list[Interval]:
    """The places of a finite `parameter` whose values meet `condition`: disjoint intervals in ascending order."""
    size = parameter.size
    assert size is not None
    if condition.values is not None:
        places = sorted(place_of(parameter, value) for value in condition.values if parameter.contains(value))
        return [(place, place + 1) for place in places]
    if parameter.kind is ParameterKind.CHOICE:
        return [(place, place + 1) for place in range(size) if condition.holds(parameter.value_at(place))]

    def number_at(place: int) -> float:
        value = parameter.value_at(place)
        assert isinstance(value, int | float)
        return value

    start = 0 if condition.min is None else bisect_left(range(size), condition.min, key=number_at)
    end = size if condition.max is None else bisect_right(range(size), condition.max, key=number_at)
    return [(start, end)] if start < end else []


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of neighbouring values on which the same conditions of children hold."""

    start: int
    end: int
    holds: _Held


class _Component:
    """Parameters that conditions tie together, directly or through others, in the space's order.

    What follows a prefix depends on the conditions that hold and are still asked for, not on the values themselves,
    so completions are counted once for each such set.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._needs = [frozenset(parameter.when) for parameter in parameters]
        self._later: list[_Held] = [frozenset()]
        for needs in reversed(self._needs):
            self._later.insert(0, self._later[0] | needs)
        asked = self._later[0]
        self._pieces = [
            _pieces(parameter, [c for c in asked if c.parent == parameter.name]) for parameter in parameters
        ]
        self._counts: dict[tuple[int, _Held], int] = {}

    def is_active(self, position: int, held: _Held) -> bool:
        return self._needs[position] <= held

    def pieces(self, position: int) -> Sequence[_Piece]:
        return self._pieces[position]

    def after(self, position: int, held: _Held, piece: _Piece | None) -> _Held:
        """The conditions that hold, and matter, once the parameter at `position` has a value of `piece`, or none."""
        known = held if piece is None else held | piece.holds
        return known & self._later[position + 1]

    def count(self, position: int, held: _Held) -> int:
        """In how many ways the parameters from `position` on can be filled in."""
        if position == len(self._needs):
            return 1
        key = (position, held)
        if key not in self._counts:
            if self.is_active(position, held):
                self._counts[key] = sum(
                    (piece.end - piece.start) * self.count(position + 1, self.after(position, held, piece))
                    for piece in self._pieces[position]
                )
            else:
                self._counts[key] = self.count(position + 1, self.after(position, held, None))
        return self._counts[key]


class Points:
    """The distinct configurations of a space in a fixed order: the first parameter slowest, the last fastest.

    Inactive parameters are absent from a configuration and are not counted, so no configuration occurs twice.
    Configurations are made on demand from their rank; a space of 10^12 costs no more than one of ten.

    Attributes:
        size: how many configurations there are; None where a float without a step is among the parameters. A space
            without parameters has one configuration, the empty one.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._parameters = parameters
        self._components: list[_Component] = []
        self._component_of: dict[str, int] = {}
        self.size: int | None = None
        if any(parameter.size is None for parameter in parameters.values()):
            return
        self.size = 1
        for group in _tied(parameters):
            component = _Component([parameters[name] for name in group])
            self._component_of |= dict.fromkeys(group, len(self._components))
            self._components.append(component)
            self.size *= component.count(0, frozenset())

    def __getitem__(self, rank: int) -> Parameters:
        """The configuration of `rank`, from 0; IndexError beyond the last one."""
        if self.size is None or not 0 <= rank < self.size:
            raise IndexError(rank)
        configuration: dict[str, Scalar] = {}
        walk = _Walk(self._components)
        for name, parameter in self._parameters.items():
            for piece, each in walk.branches(self._component_of[name]):
                block = (piece.end - piece.start) * each
                if rank < block:
                    configuration[name] = parameter.value_at(piece.start + rank // each)
                    rank %= each
                    walk.take(piece)
                    break
                rank -= block
        return configuration

    def rank_of(self, configuration: Parameters) -> int:
        """The rank of a configuration of exactly its active parameters; ValueError or KeyError where it is none."""
        rank = 0
        walk = _Walk(self._components)
        for name, parameter in self._parameters.items():
            for piece, each in walk.branches(self._component_of[name]):
                place = place_of(parameter, configuration[name])
                if place < piece.end:
                    rank += (place - piece.start) * each
                    walk.take(piece)
                    break
                rank += (piece.end - piece.start) * each
        return rank


class _Walk:
    """One way through the parameters, with the number of completions that are left at every step."""

    def __init__(self, components: Sequence[_Component]) -> None:
        self._components = components
        self._positions = [0] * len(components)
        self._held: list[_Held] = [frozenset()] * len(components)
        self._ways = 1
        for component in components:
            self._ways *= component.count(0, frozenset())
        self._current = 0

    def branches(self, index: int) -> Iterator[tuple[_Piece, int]]:
        """The runs of values of the next parameter, of component `index`, and how many ways go on from each value.

        None for an inactive parameter; else the caller calls `take` for the run that it goes along.
        """
        component, position, held = self._components[index], self._positions[index], self._held[index]
        self._current = index
        if not component.is_active(position, held):
            self._positions[index] += 1
            self._held[index] = component.after(position, held, None)
            return
        others = self._ways // component.count(position, held)
        for piece in component.pieces(position):
            yield piece, others * component.count(position + 1, component.after(position, held, piece))

    def take(self, piece: _Piece) -> None:
        index = self._current
        component, position, held = self._components[index], self._positions[index], self._held[index]
        after = component.after(position, held, piece)
        self._ways = self._ways // component.count(position, held) * component.count(position + 1, after)
        self._positions[index] += 1
        self._held[index] = after


def _pieces(parameter: Parameter, conditions: Sequence[Condition]) -> list[_Piece]:
    """The values of `parameter`, cut where a condition of a child begins or ceases to hold."""
    assert parameter.size is not None
    intervals = {condition: holding(parameter, condition) for condition in conditions}
    cuts = {0, parameter.size} | {cut for runs in intervals.values() for run in runs for cut in run}
    edges = sorted(cuts)
    return [
        _Piece(start, end, frozenset(c for c, runs in intervals.items() if any(a <= start < b for a, b in runs)))
        for start, end in pairwise(edges)
    ]


def _tied(parameters: Mapping[str, Parameter]) -> list[list[str]]:
    """Names in groups between which no condition reaches; each group in the space's order."""
    group_of: dict[str, list[str]] = {}
    for name, parameter in parameters.items():
        merged = [name]
        for parent in dict.fromkeys(condition.parent for condition in parameter.when):
            if group_of[parent] is not merged:
                merged = [*group_of[parent], *merged]
        for member in merged:
            group_of[member] = merged
    order = {name: place for place, name in enumerate(parameters)}
    groups = {id(group): group for group in group_of.values()}
    return [sorted(set(group), key=order.__getitem__) for group in groups.values()]
