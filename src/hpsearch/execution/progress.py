"""How far a search is, for whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from hpsearch.execution.table import Table
from hpsearch.study import Objective, TrialState


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of a search.

    Attributes:
        counts: trials by state.
        running: by slot: number, epochs finished, epochs asked for.
        epochs: trained in all trials so far.
        best: number and value of the best complete trial.
    """

    counts: Mapping[TrialState, int]
    running: Mapping[int, tuple[int, int, int]]
    epochs: int
    best: tuple[int, float] | None


class Observer(Protocol):
    """Someone who watches; must be quick."""

    def show(self, table: Table, running: Mapping[int, int]) -> None:
        """The table now, and which trial each slot runs."""
        ...


class Nobody:
    """Watches nothing."""

    def show(self, table: Table, running: Mapping[int, int]) -> None:
        """Nothing to see."""


def progress_of(table: Table, running: Mapping[int, int], objective: Objective) -> Progress:
    """What to show of `table`; O(trials), so to be asked a few times a second at most."""
    counts = dict.fromkeys(TrialState, 0)
    epochs = 0
    best: tuple[int, float] | None = None
    for trial in table:
        counts[trial.state] += 1
        epochs += len(trial.values)
        if trial.state is not TrialState.COMPLETE or trial.value is None:
            continue
        if best is None or objective.better(trial.value, best[1]):
            best = (trial.number, trial.value)
    return Progress(
        counts=counts,
        running={slot: (number, table[number].epochs_done, table[number].epochs) for slot, number in running.items()},
        epochs=epochs,
        best=best,
    )
