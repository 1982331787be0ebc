"""What a search will run, before it runs: brackets, rungs, trials and epochs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hpsearch.search.points import Points
from hpsearch.search.registry import default_order
from hpsearch.space.parameters import Parameter
from hpsearch.space.settings import SearchSettings
from hpsearch.study import Order


@dataclass(frozen=True, slots=True)
class Rung:
    """Trials of one level of a bracket."""

    rung: int  # 0 has the smallest budget
    trials: int
    start_epoch: int  # epochs that a trial of this rung takes over from its parent
    epochs: int  # epochs finished in all at its end

    @property
    def trained_epochs(self) -> int:
        """Epochs that all its trials train, without those of their parents."""
        return self.trials * (self.epochs - self.start_epoch)


@dataclass(frozen=True, slots=True)
class Bracket:
    """One round of successive halving; `bracket` is the paper's s, the largest halves most."""

    bracket: int
    rungs: tuple[Rung, ...]

    def __str__(self) -> str:
        return ", ".join(f"{rung.trials}@{rung.epochs}" for rung in self.rungs)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a search will run if every proposal is valid and no trial ends early.

    Attributes:
        trials: promotions are trials of their own.
        epochs: that are trained in all; a promotion continues its parent, so its epochs are counted once.
        brackets: in the order in which they open; none but under hyperband.
        order: in which ended trials are told to the backend.
        reason: one sentence on why that order holds.
    """

    trials: int
    epochs: int
    order: Order
    reason: str
    brackets: tuple[Bracket, ...] = ()


def plan(parameters: Mapping[str, Parameter], settings: SearchSettings, epochs: int) -> Plan:
    """The plan of a search over `parameters` whose trials have a full budget of `epochs`.

    A space with fewer configurations than the search would draw ends it when they are used up.

    Raises:
        ValueError: neither `max_trials` nor the space limits the search.
    """
    order = Order(settings.order) if settings.order else default_order(settings)
    size = Points(parameters).size
    if settings.backend == "hyperband" and parameters:
        brackets = tuple(_brackets(settings, size))
        rungs = [rung for bracket in brackets for rung in bracket.rungs]
        trials, trained = sum(rung.trials for rung in rungs), sum(rung.trained_epochs for rung in rungs)
        return Plan(trials, trained, order, _reason(settings, order), brackets)
    limits = [limit for limit in (settings.max_trials, size) if limit is not None]
    if not limits:
        raise ValueError(f"{settings.backend} over a space without end needs max_trials")
    return Plan(min(limits), min(limits) * epochs, order, _reason(settings, order))


def hyperband_brackets(max_epochs: int, factor: int) -> list[Bracket]:
    """The brackets of one iteration by Keras Tuner's rules, the one that halves most first.

    The sizes differ from the paper's (Li et al. 2018, algorithm 1): every bracket ends with
    ceil(ceil(1 + log_factor max_epochs) / (s + 1)) trials. Floating-point steps are Keras Tuner's on purpose, so that
    a size that rounding pushes over a whole number is pushed here too.
    """
    number, budget = 0, float(max_epochs)
    while budget >= 1:
        budget /= factor
        number += 1
    last_size = math.ceil(1 + math.log(max_epochs, factor))
    brackets = []
    for s in reversed(range(number)):
        budgets = [math.ceil(max_epochs / factor ** (s - rung)) for rung in range(s + 1)]
        sizes = [math.ceil(last_size / (s + 1) * factor ** (s - rung)) for rung in range(s + 1)]
        starts = [0, *budgets]
        brackets.append(Bracket(s, tuple(map(Rung, range(s + 1), sizes, starts, budgets))))
    return brackets


def _brackets(settings: SearchSettings, configurations: int | None) -> Iterator[Bracket]:
    """All brackets; the one that the space cannot fill is the last and promotes nothing."""
    arguments = settings.arguments
    left = math.inf if configurations is None else configurations
    for _ in range(int(arguments["iterations"])):
        for bracket in hyperband_brackets(int(arguments["max_epochs"]), int(arguments["factor"])):
            first = bracket.rungs[0]
            if left < first.trials:
                if left:
                    yield Bracket(bracket.bracket, (Rung(0, int(left), first.start_epoch, first.epochs),))
                return
            left -= first.trials
            yield bracket


def _reason(settings: SearchSettings, order: Order) -> str:
    if settings.order:
        return f"The file asks for order {order}."
    if order is Order.FINISHED:
        return "With a pruner, ended trials are told as they finish: verdicts that know less would stop too little."
    return "Ended trials are told by number, so the table depends on file, seed and lag alone."
