"""Which epoch's weights a training keeps: the best ones, the last ones, or those at the end of each cycle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hpsearch.study import Direction, Objective
from hpsearch.training.stopping import direction_of


class Keeper:
    """Decides after every epoch whether its weights replace the kept ones; the earliest wins a tie.

    Attributes:
        epoch: the epoch whose weights are kept; 0 before the first.
        best: the watched value there; None where the last weights are kept.
    """

    def __init__(self, keep: Any, objective: Objective) -> None:
        """`keep` is ``best`` (by the objective), ``last``, or ``{"metric": name}``, in that metric's direction."""
        self.metric: str | None = None
        self.direction = objective.direction
        if keep == "best":
            self.metric = objective.metric
        elif keep != "last":
            self.metric = str(keep["metric"])
            self.direction = direction_of(self.metric, objective)
        self.epoch = 0
        self.best: float | None = None

    def update(self, epoch: int, values: Mapping[str, float]) -> bool:
        """Whether the weights after `epoch` are the ones to keep now. Without the watched value the last ones are."""
        value = values.get(self.metric) if self.metric is not None else None
        if self.epoch and value is not None and self.best is not None:
            better = value > self.best if self.direction is Direction.MAXIMIZE else value < self.best
            if not better:
                return False
        elif self.best is not None and value is None:
            return False
        self.epoch = epoch
        self.best = None if value is None or math.isnan(value) else value
        return True

    def state(self) -> dict[str, Any]:
        """All that it remembers, as JSON."""
        return {"epoch": self.epoch, "best": self.best}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self.epoch, self.best = state["epoch"], state["best"]
