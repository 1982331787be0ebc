"""Why a search ends before its plan is through, and what may still be trained."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hpsearch.space.settings import Limits
from hpsearch.study import Objective, Trial, TrialState


class End(StrEnum):
    """Why the search stopped asking for epochs."""

    EXHAUSTED = "exhausted"  # the plan is through
    TIMEOUT = "timeout"
    TARGET = "target"
    MAX_EPOCHS_TOTAL = "max_epochs_total"
    STOPPED = "stopped"  # through the database
    INTERRUPTED = "interrupted"  # Ctrl-C
    TERMINATED = "terminated"  # SIGTERM
    FAILED = "failed"  # too many failures, or no valid configuration

    @property
    def ends_the_search(self) -> bool:
        """Whether the study goes on to its retrain; otherwise it waits for `run`."""
        return self in (End.EXHAUSTED, End.TIMEOUT, End.TARGET, End.MAX_EPOCHS_TOTAL)


@dataclass(slots=True)
class Budget:
    """What is left of `max_epochs_total`; epochs are taken before they are trained."""

    most: int | None
    taken: int = 0

    @property
    def left(self) -> int | None:
        """Epochs that may still be trained; None without a limit."""
        return None if self.most is None else max(0, self.most - self.taken)

    def take(self, wanted: int) -> int:
        """As many of `wanted` epochs as are left."""
        granted = wanted if self.left is None else min(wanted, self.left)
        self.taken += granted
        return granted

    def give_back(self, epochs: int) -> None:
        """Epochs that were taken and not trained, or whose training is lost."""
        self.taken -= epochs


def meets_target(limits: Limits, objective: Objective, value: float | None) -> bool:
    """Whether `value` is at the target or beyond it."""
    return limits.target is not None and value is not None and objective.reaches(value, limits.target)


def ran_its_budget(trial: Trial, full_epochs: int, limits: Limits, objective: Objective) -> bool:
    """Whether a trial trained all epochs that a trial can have, or early stopping ended it."""
    if trial.state is not TrialState.COMPLETE:  # cut short by a limit, or pruned
        return False
    if trial.epochs_done >= full_epochs:
        return True
    return trial.epochs_done < trial.epochs and not meets_target(limits, objective, trial.value)
