"""Which checkpoints there are, and how long each is kept."""

from __future__ import annotations

from collections.abc import Mapping

from hpsearch.execution.messages import Saved
from hpsearch.execution.records import Records
from hpsearch.execution.table import Table
from hpsearch.study import Direction, Objective, Trial, TrialState


class Checkpoints:
    """Keeps what goes on needs: the last of every trial that has not ended, that may be promoted, or is among the best.

    Args:
        table: the trials.
        records: where files are noted and dropped.
        objective: which trials are the best.
        keep_best: how many of the best complete trials keep theirs, for an evaluation without a retrain.
        full_epochs: a trial of fewer epochs may still be promoted.
        found: what there is already, by trial.
    """

    def __init__(
        self,
        table: Table,
        records: Records,
        objective: Objective,
        keep_best: int,
        full_epochs: int,
        found: Mapping[int, Saved],
    ) -> None:
        self._table = table
        self._records = records
        self._objective = objective
        self._keep_best = keep_best
        self._full_epochs = full_epochs
        self._own = dict(found)

    def of(self, trial: Trial) -> Saved | None:
        """What `trial` goes on from: its own last checkpoint, else its parent's."""
        own = self._own.get(trial.number)
        if own is not None or trial.parent is None:
            return own
        return self.of(self._table[trial.parent])

    def wants_final(self, trial: Trial) -> bool:
        """Whether somebody may need the state in which `trial` ends."""
        return self._keep_best > 0 or self._may_be_promoted(trial)

    def keep(self, number: int, saved: Saved) -> None:
        """Take in a newer checkpoint; the one before goes."""
        self._drop(number)
        self._own[number] = saved
        self._records.checkpoint(number, saved)

    def ended(self, trial: Trial) -> None:
        """Let go of what nobody needs now that `trial` has ended."""
        if trial.parent is not None and not self._is_kept_as_best(trial.parent):
            self._drop(trial.parent)
        if trial.state is not TrialState.COMPLETE or not self.wants_final(trial):
            self._drop(trial.number)
        elif self._keep_best > 0:
            self._drop_overtaken()

    def search_is_over(self) -> None:
        """No trial is promoted any more: only the best keep theirs."""
        for number in list(self._own):
            if self._table[number].state.is_ended and not self._is_kept_as_best(number):
                self._drop(number)

    def _may_be_promoted(self, trial: Trial) -> bool:
        return trial.rung is not None and trial.epochs < self._full_epochs

    def _drop_overtaken(self) -> None:
        for number in list(self._own):
            trial = self._table[number]
            if trial.state.is_ended and not self._may_be_promoted(trial) and not self._is_kept_as_best(number):
                self._drop(number)

    def _is_kept_as_best(self, number: int) -> bool:
        if self._keep_best == 0:
            return False
        sign = -1.0 if self._objective.direction is Direction.MAXIMIZE else 1.0
        kept = [self._table[own] for own in self._own if self._table[own].state is TrialState.COMPLETE]
        kept.sort(key=lambda trial: (sign * (trial.value or 0.0), trial.number))
        return any(trial.number == number for trial in kept[: self._keep_best])

    def _drop(self, number: int) -> None:
        saved = self._own.pop(number, None)
        if saved is not None:
            self._records.drop_checkpoint(saved)
