"""What a study optimises: one metric and its direction."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Whether larger or smaller values of the objective are better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric, by its documented name (``val_accuracy``), and its direction. Values are never negated."""

    metric: str
    direction: Direction

    @property
    def worst(self) -> float:
        """The value that no measured one can be worse than: -inf when maximising, +inf when minimising."""
        return -math.inf if self.direction is Direction.MAXIMIZE else math.inf

    def better(self, value: float, than: float) -> bool:
        """Whether `value` is strictly better; NaN is better than nothing."""
        return value > than if self.direction is Direction.MAXIMIZE else value < than

    def reaches(self, value: float, goal: float) -> bool:
        """Whether `value` is at `goal` or beyond it; NaN never is."""
        return value == goal or self.better(value, goal)

    def best(self, values: Iterable[float]) -> float | None:
        """The best of `values`, NaN left out; None where none is left."""
        measured = [value for value in values if not math.isnan(value)]
        if not measured:
            return None
        return max(measured) if self.direction is Direction.MAXIMIZE else min(measured)
