"""Early stopping and learning-rate reduction on a plateau: Keras's arguments and meaning, as plain state machines.

Keras's own callbacks need a model and forget their counters with the process; these are fed with values and say all
that they remember, so that a training can be continued elsewhere. Followed: ``keras/src/callbacks/early_stopping.py``,
``reduce_lr_on_plateau.py`` and ``monitor_callback.py`` of Keras 3.15. They differ in two points: epochs count from 1
(`start_from_epoch` still means how many epochs are left out), and NaN never counts as an improvement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hpsearch.study import Direction, Objective

_SMALLER_IS_BETTER = ("loss", "error", "crossentropy", "entropy", "divergence", "hinge", "poisson", "logcosh")


def direction_of(metric: str, objective: Objective, mode: str = "auto") -> Direction:
    """Whether `metric` shall rise or fall: `mode` (``min`` or ``max``) decides, then the objective, then its name."""
    if mode in ("min", "max"):
        return Direction.MINIMIZE if mode == "min" else Direction.MAXIMIZE
    if metric.removeprefix("val_") == objective.metric.removeprefix("val_"):
        return objective.direction
    return Direction.MINIMIZE if metric.endswith(_SMALLER_IS_BETTER) else Direction.MAXIMIZE


@dataclass(slots=True)
class Monitor:
    """One watched value: its name, its direction, and by how much it must get better to count."""

    metric: str
    direction: Direction
    min_delta: float = 0.0

    def improves(self, value: float, on: float | None) -> bool:
        """Whether `value` is better than `on` by more than `min_delta`; anything but NaN is better than nothing."""
        if math.isnan(value):
            return False
        if on is None:
            return True
        if self.direction is Direction.MINIMIZE:
            return value + abs(self.min_delta) < on
        return value - abs(self.min_delta) > on


@dataclass(slots=True)
class EarlyStopping:
    """Says after which epoch to stop."""

    monitor: Monitor
    patience: int = 0
    baseline: float | None = None
    start_from_epoch: int = 0
    best: float | None = None
    wait: int = 0
    stopped: bool = field(default=False)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], objective: Objective) -> EarlyStopping:
        """Made from the arguments of ``keras.callbacks.EarlyStopping``; `monitor` defaults to the objective."""
        return cls(
            monitor=_monitor(settings, objective, min_delta=0.0),
            patience=int(settings.get("patience", 0)),
            baseline=settings.get("baseline"),
            start_from_epoch=int(settings.get("start_from_epoch", 0)),
        )

    def update(self, epoch: int, values: Mapping[str, float]) -> bool:
        """Take in the values of `epoch` (from 1); whether the training ends here. Rests where its metric is missing."""
        value = values.get(self.monitor.metric)
        if value is None or epoch <= self.start_from_epoch:
            return False
        self.wait += 1
        if self.monitor.improves(value, self.best):
            self.best = value
            if self.baseline is None or self.monitor.improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 1:
            self.stopped = True
        return self.stopped

    def state(self) -> dict[str, Any]:
        """All that it remembers, as JSON."""
        return {"best": self.best, "wait": self.wait, "stopped": self.stopped}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self.best, self.wait, self.stopped = state["best"], state["wait"], state["stopped"]


@dataclass(slots=True)
class ReduceOnPlateau:
    """Lowers the learning rate when a value has stopped getting better.

    What it lowers is a factor that is multiplied onto the schedule's rate, so that both can be used together; without
    a schedule the rates are those of Keras.
    """

    monitor: Monitor
    factor: float = 0.1
    patience: int = 10
    cooldown: int = 0
    min_lr: float = 0.0
    rate_factor: float = 1.0
    best: float | None = None
    wait: int = 0
    cooldown_counter: int = 0

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], objective: Objective) -> ReduceOnPlateau:
        """Made from the arguments of ``keras.callbacks.ReduceLROnPlateau``; `monitor` defaults to the objective."""
        return cls(
            monitor=_monitor(settings, objective, min_delta=1e-4),
            factor=float(settings.get("factor", 0.1)),
            patience=int(settings.get("patience", 10)),
            cooldown=int(settings.get("cooldown", 0)),
            min_lr=float(settings.get("min_lr", 0.0)),
        )

    def update(self, values: Mapping[str, float], scheduled_rate: float) -> None:
        """Take in the values of an epoch that ran at `scheduled_rate` times `rate_factor`."""
        value = values.get(self.monitor.metric)
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.monitor.improves(value, self.best):
            self.best, self.wait = value, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            rate = scheduled_rate * self.rate_factor
            if self.wait >= self.patience and rate > self.min_lr:
                self.rate_factor = max(rate * self.factor, self.min_lr) / scheduled_rate
                self.cooldown_counter, self.wait = self.cooldown, 0

    def state(self) -> dict[str, Any]:
        """All that it remembers, as JSON."""
        return {
            "rate_factor": self.rate_factor,
            "best": self.best,
            "wait": self.wait,
            "cooldown_counter": self.cooldown_counter,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self.rate_factor, self.best = state["rate_factor"], state["best"]
        self.wait, self.cooldown_counter = state["wait"], state["cooldown_counter"]


def _monitor(settings: Mapping[str, Any], objective: Objective, min_delta: float) -> Monitor:
    metric = str(settings.get("monitor") or objective.metric)
    direction = direction_of(metric, objective, str(settings.get("mode", "auto")))
    return Monitor(metric, direction, float(settings.get("min_delta", min_delta)))
