"""Which trials are retrained, and what of the search is still at hand of them."""

from __future__ import annotations

from pathlib import Path

from hpsearch.execution.messages import Saved
from hpsearch.space import Space
from hpsearch.storage import Store
from hpsearch.study import Direction, Study, Trial


def choose(store: Store, study: Study, space: Space) -> list[Trial]:
    """The trials to retrain, best first, ties to the lower number; the best value so far where none is complete.

    Empty where none is complete and every trial has failed, or has no value yet.
    """
    complete = store.best_trials(study.id, limit=space.retrain.top)
    if complete:
        return complete
    sign = -1.0 if study.objective.direction is Direction.MAXIMIZE else 1.0
    measured = [trial for trial in store.trials(study.id) if trial.value is not None and trial.error_kind is None]
    measured.sort(key=lambda trial: (sign * (trial.value or 0.0), trial.number))
    return measured[: space.retrain.top]


def last_checkpoint(store: Store, study: Study, trial: Trial) -> Saved | None:
    """The state in which a trial ended: in its own checkpoint, or in its parent's where it trained nothing."""
    folder: Path = store.artifacts_dir(study.id)
    for found in store.artifacts(study.id, kind="checkpoint", trial=trial.number):
        if found.epoch == trial.epochs_done:
            return Saved(found.epoch, found.sha256, found.size_bytes, path=str(folder / found.path))
    if trial.parent is None:
        return None
    parent = store.trial(study.id, trial.parent)
    return last_checkpoint(store, study, parent) if parent.epochs_done == trial.epochs_done else None
