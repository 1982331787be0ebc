"""What an epoch, or a parent, makes of a trial: its best value so far, and what its row says."""

from __future__ import annotations

from dataclasses import replace

from hpsearch.execution.messages import EpochDone
from hpsearch.study import Objective, Trial


def with_epoch(trial: Trial, parent: Trial | None, event: EpochDone, objective: Objective) -> Trial:
    """`trial` after an epoch. Epochs that an earlier attempt had trained from here on are replaced by this one's."""
    value = event.values[objective.metric]
    values = {epoch: known for epoch, known in trial.values.items() if epoch < event.epoch} | {event.epoch: value}
    own = objective.best(values.values())
    best, best_epoch = own, next((epoch for epoch in sorted(values) if values[epoch] == own), None)
    inherited = parent.value if parent is not None else None
    if parent is not None and inherited is not None and (own is None or not objective.better(own, inherited)):
        best, best_epoch = inherited, parent.best_epoch
    return replace(
        trial,
        values=values,
        value=best,
        last_value=value,
        best_epoch=best_epoch,
        epochs_done=event.epoch,
        seconds=trial.seconds + event.seconds,
    )


def with_parents_epoch(trial: Trial, event: EpochDone) -> Trial:
    """A promotion after an epoch of its parent's, trained again for want of a checkpoint: nothing new is measured."""
    return replace(trial, epochs_done=event.epoch, seconds=trial.seconds + event.seconds)


def without_epochs_beyond(trial: Trial, epoch: int) -> Trial:
    """`trial` without what it trained after a checkpoint of `epoch` epochs; that is trained again."""
    return replace(trial, values={done: value for done, value in trial.values.items() if done <= epoch})


def as_its_parent(trial: Trial, parent: Trial) -> Trial:
    """A promotion that trains nothing, since early stopping had ended its parent."""
    return replace(
        trial,
        value=parent.value,
        last_value=parent.last_value,
        best_epoch=parent.best_epoch,
        epochs_done=parent.epochs_done,
    )
