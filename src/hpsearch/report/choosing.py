"""Which trials are retrained, and what of the search is still at hand of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hpsearch.execution.messages import Saved
from hpsearch.space import Space
from hpsearch.storage import Store
from hpsearch.study import Direction, Study, Trial


def choose(store: Store, study: Study, space: Space) -> list[Trial]:
    """The trials to retrain, best first, ties to the lower number; the best value so far where none is complete.

    Empty where no trial has finished an epoch.
    """
    complete = store.best_trials(study.id, limit=space.retrain.top)
    if complete:
        return complete
    sign = -1.0 if study.objective.direction is Direction.MAXIMIZE else 1.0
    measured = [trial for trial in store.trials(study.id) if trial.value is not None and trial.error_kind is None]
    measured.sort(key=lambda trial: (sign * (trial.value or 0.0), trial.number))
    return measured[: space.retrain.top]


def last_checkpoint(store: Store, study: Study, trials: Sequence[Trial], number: int) -> Saved | None:
    """The state in which a trial ended: its own last checkpoint, else the one of the trial that it continues."""
    folder: Path = store.artifacts_dir(study.id)
    found = store.artifacts(study.id, kind="checkpoint", trial=number)
    if found:
        last = max(found, key=lambda artifact: artifact.epoch or 0)
        return Saved(last.epoch or 0, last.sha256, last.size_bytes, path=str(folder / last.path))
    parent = trials[number].parent
    return None if parent is None else last_checkpoint(store, study, trials, parent)


def ran_its_budget(trial: Trial, study: Study, space: Space) -> bool:
    """Whether a trial trained all epochs that a trial can have, or early stopping ended it."""
    if trial.epochs_done >= space.epochs:
        return True
    target = space.limits.target
    met_target = (
        target is not None
        and trial.value is not None
        and (trial.value == target or study.objective.better(trial.value, target))
    )
    return trial.epochs_done < trial.epochs and not met_target
