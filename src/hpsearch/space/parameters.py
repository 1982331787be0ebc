"""The parameters of a space: kinds, grids, conditions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from hpsearch.space.values import Scalar, equal, is_number


class ParameterKind(StrEnum):
    """What kind of values a parameter takes."""

    INT = "int"
    FLOAT = "float"
    CHOICE = "choice"


class Scale(StrEnum):
    """How a numeric parameter is sampled between its bounds."""

    LINEAR = "linear"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds while `parent` is active and has one of `values`, or lies within `min` and `max` (both included)."""

    parent: str
    values: tuple[Scalar, ...] | None = None
    min: float | None = None
    max: float | None = None

    def holds(self, value: Scalar) -> bool:
        """Whether the parent's `value` meets this condition."""
        if self.values is not None:
            return any(equal(value, wanted) for wanted in self.values)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One searched parameter. A family (`each`) is expanded into its members, ``filters_0``, ``filters_1``, ..."""

    name: str
    kind: ParameterKind
    min: int | float | None = None  # int and float: both bounds included
    max: int | float | None = None
    step: int | float | None = None  # a grid from min that reaches max exactly; None for an int means every number
    scale: Scale = Scale.LINEAR
    values: tuple[Scalar, ...] = ()  # choice
    when: tuple[Condition, ...] = ()  # all of them; a parent stands before its children
    family: str | None = None  # `filters` for `filters_0`

    @property
    def size(self) -> int | None:
        """How many values it can take; None for a float without a step."""
        if self.kind is ParameterKind.CHOICE:
            return len(self.values)
        assert self.min is not None
        assert self.max is not None
        if self.kind is ParameterKind.INT:
            return int((self.max - self.min) // (self.step or 1)) + 1
        if self.step is None:
            return None
        return int((Decimal(repr(self.max)) - Decimal(repr(self.min))) / Decimal(repr(self.step))) + 1

    def value_at(self, index: int) -> Scalar:
        """The value at place `index` (from 0) of a finite parameter; floats on a grid as decimal text says."""
        if self.kind is ParameterKind.CHOICE:
            return self.values[index]
        assert self.min is not None
        if self.kind is ParameterKind.INT:
            return int(self.min + index * (self.step or 1))
        assert self.step is not None
        return float(Decimal(repr(self.min)) + index * Decimal(repr(self.step)))

    def index_of(self, value: Scalar) -> int:
        """The place of `value` in a finite parameter; ValueError where it is none of its values."""
        if self.kind is ParameterKind.CHOICE:
            for index, other in enumerate(self.values):
                if equal(other, value):
                    return index
        elif (size := self.size) is not None and is_number(value):
            assert self.min is not None
            index = round((value - self.min) / (self.step or 1))
            if 0 <= index < size and self.value_at(index) == value:
                return index
        raise ValueError(f"{value!r} is not a value of {self.name}")

    def contains(self, value: Scalar) -> bool:
        """Whether `value` is one that this parameter can take."""
        if self.size is not None:
            try:
                self.index_of(value)
            except ValueError:
                return False
            return True
        assert self.min is not None
        assert self.max is not None
        return is_number(value) and self.min <= value <= self.max
