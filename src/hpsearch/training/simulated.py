"""A training without a network: an analytic learning curve of the drawn parameters, for trying out everything else.

Every parameter has a score: a smooth function of a number's order of magnitude, or a fixed offset of any other value,
both derived from the parameter's name. Their weighted mean decides where the accuracy ends; a second such mean decides
how fast it gets there. Slow configurations can therefore look bad early and end well, as real ones do. Noise is a
function of the seed and the epoch, so a curve is the same in every process and after every interruption.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hpsearch.errors import BuildError, Diverged
from hpsearch.space.catalogue import Signature
from hpsearch.study import Parameters, ParameterValue, derive_seed
from hpsearch.training.keeping import Keeper
from hpsearch.training.schedules import make_schedule
from hpsearch.training.stopping import EarlyStopping
from hpsearch.training.task import EpochResult, Evaluation, Task

SIGNATURE = Signature(arguments=("noise", "seconds_per_epoch", "failure_rate", "nan_rate"))
METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")

_CHANCE = 0.1  # accuracy before the first epoch: ten classes
_CEILING = 0.99  # accuracy that the best imaginable parameters approach


def open_training(task: Task) -> SimulatedTrainer:
    """A simulated training of `task`; raises BuildError where its settings or its objective make no sense."""
    problem_found = problem(task.configuration.training)
    if problem_found is not None:
        raise BuildError(problem_found)
    if task.objective.metric not in METRICS:
        raise BuildError(
            f"The objective is {task.objective.metric}, but a simulated training measures {', '.join(METRICS)}."
        )
    return SimulatedTrainer(task)


def problem(arguments: Mapping[str, Any]) -> str | None:
    """One sentence about the first setting of a simulated training that makes no sense; None where all do."""
    for name in ("failure_rate", "nan_rate"):
        if not _is_number(arguments.get(name, 0.0)) or not 0 <= arguments.get(name, 0.0) <= 1:
            return f"{name} is {arguments[name]!r}, but a share from 0 to 1 was expected."
    if not _is_number(arguments.get("noise", 0.0)) or arguments.get("noise", 0.0) < 0:
        return f"noise is {arguments['noise']!r}, but a standard deviation of 0 or more was expected."
    seconds = arguments.get("seconds_per_epoch", 0.0)
    if isinstance(seconds, Mapping):
        are_ends = set(seconds) == {"min", "max"} and all(map(_is_number, seconds.values()))
        if are_ends and 0 <= seconds["min"] <= seconds["max"]:
            return None
    elif _is_number(seconds) and seconds >= 0:
        return None
    return f"seconds_per_epoch is {seconds!r}, but a number of seconds or {{min: ..., max: ...}} was expected."


@dataclass(frozen=True, slots=True)
class Curve:
    """The noiseless learning curve of one configuration; all shares are in 0 .. 1.

    Attributes:
        quality: where the accuracy ends.
        speed: how fast it gets there.
        cost: how long an epoch takes, between the cheapest and the dearest.
    """

    quality: float
    speed: float
    cost: float

    @classmethod
    def of(cls, parameters: Parameters) -> Curve:
        """The curve of `parameters`; those that are inactive have no part in it."""
        return cls(*(_mean_score(parameters, aspect) for aspect in ("quality", "speed", "cost")))

    def accuracy(self, epoch: int) -> float:
        """Validation accuracy after `epoch` epochs, without noise: a saturating exponential from chance level."""
        end = _CHANCE + (_CEILING - _CHANCE) * self.quality
        epochs_to_rise = 1.0 + 7.0 * (1.0 - self.speed)
        return end - (end - _CHANCE) * math.exp(-((epoch / epochs_to_rise) ** 0.9))

    def gap(self, epoch: int) -> float:
        """By how much the training accuracy is ahead: overfitting, which grows with time."""
        return 0.06 * (1.0 - self.quality) * (1.0 - math.exp(-epoch / 10.0))


class SimulatedTrainer:
    """A `Trainer` whose epochs are read off a curve."""

    def __init__(self, task: Task) -> None:
        settings = task.configuration.training
        self.epoch = 0
        self._seed = task.seed
        self._curve = Curve.of(settings.get("parameters") or {})
        self._noise = float(settings.get("noise", 0.01))
        self._sleep_seconds = _seconds(settings.get("seconds_per_epoch", 0.0), self._curve.cost)
        horizon = int(settings["epochs"])
        self._schedule = make_schedule(settings.get("learning_rate_schedule"), horizon)
        self._fails_at = _accident(self._seed, "failure", float(settings.get("failure_rate", 0.0)), horizon)
        self._diverges_at = _accident(self._seed, "nan", float(settings.get("nan_rate", 0.0)), horizon)
        self._keeper = Keeper(task.configuration.keep, task.objective)
        stopping = settings.get("early_stopping")
        self._stopping = EarlyStopping.from_settings(stopping, task.objective) if stopping else None

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping has ended this training."""
        return self._stopping is not None and self._stopping.stopped

    def advance(self) -> EpochResult:
        """The next epoch. Raises RuntimeError at a simulated failure, Diverged at a simulated NaN."""
        started = time.perf_counter()
        epoch = self.epoch + 1
        if self._sleep_seconds > 0:
            time.sleep(self._sleep_seconds)
        if epoch == self._fails_at:
            raise RuntimeError(f"Simulated failure in epoch {epoch} (failure_rate).")
        if epoch == self._diverges_at:
            raise Diverged(f"The loss became NaN in epoch {epoch} (simulated, nan_rate).")
        values = self._values(epoch)
        self.epoch = epoch
        self._keeper.update(epoch, values)
        stopped = self._stopping is not None and self._stopping.update(epoch, values)
        return EpochResult(epoch, values, time.perf_counter() - started, stopped)

    def _values(self, epoch: int) -> dict[str, float]:
        chance = random.Random(derive_seed(self._seed, "noise", epoch))
        validation = _share(self._curve.accuracy(epoch) + chance.gauss(0.0, self._noise))
        training = _share(self._curve.accuracy(epoch) + self._curve.gap(epoch) + chance.gauss(0.0, self._noise / 3))
        return {
            "loss": _loss(training),
            "accuracy": training,
            "val_loss": _loss(validation),
            "val_accuracy": validation,
            "learning_rate": 0.001 * self._schedule(epoch),
        }

    def checkpoint(self) -> bytes:
        """The epoch, the counters and the kept epoch, as JSON."""
        stopping = None if self._stopping is None else self._stopping.state()
        state = {"epoch": self.epoch, "keeper": self._keeper.state(), "early_stopping": stopping}
        return json.dumps(state, sort_keys=True).encode()

    def restore(self, checkpoint: bytes) -> None:
        """Go on from `checkpoint`."""
        state = json.loads(checkpoint)
        self.epoch = state["epoch"]
        self._keeper.restore(state["keeper"])
        if self._stopping is not None and state["early_stopping"] is not None:
            self._stopping.restore(state["early_stopping"])

    def evaluate(self) -> Evaluation:
        """The curve without its noise at the kept epoch: what the noisy measurements estimate. There are no classes."""
        accuracy = _share(self._curve.accuracy(self._keeper.epoch))
        metrics = {"accuracy": accuracy, "loss": _loss(accuracy)}
        return Evaluation(metrics=metrics, classes=(), confusion=(), epoch=self._keeper.epoch)

    def model_file(self) -> bytes:
        """Nothing: there is no model."""
        return b""


def _mean_score(parameters: Parameters, aspect: str) -> float:
    """Weighted mean score of all parameters; a few weigh much more than the rest, as in real searches."""
    if not parameters:
        return 0.5
    weights = {name: math.exp2(-3.0 * _hashed(aspect, name, "weight")) for name in parameters}
    total = math.fsum(weights[name] * _score(aspect, name, value) for name, value in parameters.items())
    return total / math.fsum(weights.values())


def _score(aspect: str, name: str, value: ParameterValue) -> float:
    """Score in 0 .. 1 of one value: smooth in a number's order of magnitude, an offset for everything else."""
    if not _is_number(value):
        return _hashed(aspect, name, value)
    assert isinstance(value, int | float)
    # Linear below 1e-4 and logarithmic above, in decades: learning rates, shares and layer sizes alike.
    place = math.asinh(float(value) / 1e-4) / math.log(10.0)
    wide = math.cos(2.0 * math.pi * (place / 3.0 - _hashed(aspect, name, "wide")))
    narrow = math.cos(2.0 * math.pi * (place - _hashed(aspect, name, "narrow")))
    return 0.5 + 0.35 * wide + 0.15 * narrow


@lru_cache(maxsize=4096)
def _hashed(*parts: ParameterValue) -> float:
    """A number in 0 .. 1 that is a function of `parts`."""
    return derive_seed(0, "simulated", *parts) / 2**31


def _accident(seed: int, kind: str, rate: float, horizon: int) -> int | None:
    """The epoch at which a training with `seed` meets its accident; None for the share 1 - `rate` that meets none."""
    chance = random.Random(derive_seed(seed, kind))
    epoch = chance.randint(1, horizon)
    return epoch if chance.random() < rate else None


def _seconds(setting: Any, cost: float) -> float:
    if isinstance(setting, Mapping):
        return float(setting["min"]) + cost * (float(setting["max"]) - float(setting["min"]))
    return float(setting)


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _loss(accuracy: float) -> float:
    """A cross-entropy that goes with `accuracy`: positive, falling, finite at both ends."""
    return -math.log(0.005 + 0.995 * accuracy)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
