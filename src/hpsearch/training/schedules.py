"""Learning-rate schedules: what an epoch's rate is, as a factor on the initial one.

Every schedule is a function of the epoch and of the whole budget alone. A training that is interrupted, or that runs
in rungs, therefore follows the same rates as one that runs through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from hpsearch.errors import ConfigError

Schedule = Callable[[int], float]  # epoch, from 1 -> factor on the initial learning rate


def make_schedule(settings: Mapping[str, Any] | None, horizon: int) -> Schedule:
    """The schedule that `settings` (``learning_rate_schedule``) describe over `horizon` epochs; None is constant 1.

    Raises:
        ConfigError: no such schedule, or cycles that do not divide the horizon.
    """
    if not settings:
        return lambda epoch: 1.0
    if "steps" in settings:
        return _steps({int(epoch): float(factor) for epoch, factor in settings["steps"].items()})
    if "every" in settings:
        every, factor = int(settings["every"]), float(settings["factor"])
        return lambda epoch: float(factor ** ((epoch - 1) // every))
    if "cosine" in settings:
        cosine = settings["cosine"] or {}
        return _cosine(horizon, int(cosine.get("warmup", 0)), float(cosine.get("final", 0.0)))
    if "cyclic" in settings:
        cyclic = settings["cyclic"]
        shape, final = str(cyclic.get("shape", "cosine")), float(cyclic.get("final", 0.0))
        return _cyclic(cycle_length(int(cyclic["cycles"]), horizon), shape, final)
    raise ConfigError(
        f"learning_rate_schedule has {', '.join(settings)}, but takes one of steps, every, cosine and cyclic."
    )


def cycle_length(cycles: int, horizon: int) -> int:
    """Epochs of one of `cycles` equal cycles; raises ConfigError where they do not divide `horizon`."""
    if horizon % cycles:
        raise ConfigError(
            f"learning_rate_schedule has {cycles} cycles, which do not divide {horizon} epochs; choose numbers that do."
        )
    return horizon // cycles


def _steps(steps: Mapping[int, float]) -> Schedule:
    def factor(epoch: int) -> float:
        reached = [start for start in steps if start <= epoch]
        return steps[max(reached)] if reached else 1.0

    return factor


def _cosine(horizon: int, warmup: int, final: float) -> Schedule:
    def factor(epoch: int) -> float:
        if epoch <= warmup:
            return epoch / (warmup + 1)
        return _fall((epoch - 1 - warmup) / max(1, horizon - warmup), final)

    return factor


def _cyclic(length: int, shape: str, final: float) -> Schedule:
    """Cycles of `length` epochs that end near `final`, which comes after a cycle's last epoch.

    ``cosine`` falls from 1 (Huang et al. 2017, "Snapshot Ensembles", equation 2, by epochs); ``triangular`` rises and
    falls in straight lines (Smith 2017, "Cyclical Learning Rates", section 3) and is `final` only between cycles, so
    that no epoch is spent at a rate of 0.
    """
    if shape not in ("cosine", "triangular"):
        raise ConfigError(f"A cyclic schedule has the shape {shape!r}; write cosine or triangular.")

    def factor(epoch: int) -> float:
        place = (epoch - 1) % length
        if shape == "cosine":
            return _fall(place / length, final)
        return final + (1 - final) * (1 - abs(2 * (place + 1) / (length + 1) - 1))

    return factor


def _fall(way: float, final: float) -> float:
    """Half a cosine wave from 1 (`way` 0) to `final` (`way` 1)."""
    return final + (1 - final) * (1 + math.cos(math.pi * min(way, 1.0))) / 2
