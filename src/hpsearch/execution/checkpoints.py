"""Which checkpoints there are, and how long each is kept."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence

from hpsearch.execution.messages import Saved
from hpsearch.execution.records import Records
from hpsearch.execution.table import Table
from hpsearch.study import Direction, Objective, Trial, TrialState


class Checkpoints:
    """Keeps what goes on needs: the last of every trial that has not ended, that may be promoted, or is among the best.

    Of a trial that has not ended the one before stays too, for the day that the last turns out to be damaged.

    Args:
        table: the trials.
        records: where files are noted and dropped.
        objective: which trials are the best.
        keep_best: of that many of the best complete trials the kept weights may be evaluated without a retrain.
        ran_its_budget: whether a trial's weights are what a retrain would give, but for the seed.
        full_epochs: a trial of fewer epochs may be promoted ...
        may_promote: ... if the backend still has a place for it.
        found: what there is already, by trial, the last one last.
    """

    def __init__(
        self,
        table: Table,
        records: Records,
        objective: Objective,
        keep_best: int,
        ran_its_budget: Callable[[Trial], bool],
        full_epochs: int,
        may_promote: Callable[[int], bool],
        found: Mapping[int, Sequence[Saved]],
    ) -> None:
        self._table = table
        self._records = records
        self._objective = objective
        self._sign = -1.0 if objective.direction is Direction.MAXIMIZE else 1.0
        self._keep_best = keep_best
        self._ran_its_budget = ran_its_budget
        self._full_epochs = full_epochs
        self._may_promote = may_promote
        self._own = {number: saved[-1] for number, saved in found.items()}
        self._before = {number: saved[-2] for number, saved in found.items() if len(saved) > 1}
        self._search_is_over = False
        self._ranking: list[tuple[float, int]] = []  # complete trials, the best first, ties to the lower number
        self._promotions = {trial.parent: trial.number for trial in table if trial.parent is not None}
        for trial in table:
            if trial.state.is_ended:
                self._note(trial)
                self._drop_before(trial.number)
        self._drop_needless()

    def of(self, trial: Trial) -> Saved | None:
        """What `trial` goes on from: its own last checkpoint, else its parent's."""
        own = self._own.get(trial.number)
        if own is not None or trial.parent is None:
            return own
        return self.of(self._table[trial.parent])

    def wants_final(self, trial: Trial) -> bool:
        """Whether somebody may need the state in which `trial` ends."""
        return self._keep_best > 0 or self._is_below_the_top(trial)

    def only_from(self, trial: Trial) -> float | None:
        """The value below which that state is of no use to anybody: others are better already. None: any value."""
        if self._keep_best == 0 or self._is_below_the_top(trial) or len(self._ranking) < self._keep_best:
            return None
        worst_kept = self._table[self._ranking[self._keep_best - 1][1]].value
        assert worst_kept is not None
        so_far = trial.value
        if so_far is None and trial.parent is not None:
            so_far = self._table[trial.parent].value
        has_come_there = so_far is not None and self._objective.reaches(so_far, worst_kept)
        return None if has_come_there else worst_kept

    def keep(self, number: int, saved: Saved) -> None:
        """Take in a newer checkpoint; the one before stays beside it, and the one before that goes."""
        last = self._own.get(number)
        if last == saved:
            return
        self._drop_before(number)
        if last is not None:
            self._before[number] = last
        self._own[number] = saved
        self._records.checkpoint(number, saved)

    def forget(self, trial: Trial) -> None:
        """The checkpoint that `trial` was to go on from is no good; the one before, if any, takes its place."""
        holder = self._holder(trial)
        self._drop_last(holder)
        before = self._before.pop(holder, None)
        if before is not None:
            self._own[holder] = before

    def promoted(self, trial: Trial) -> None:
        """A promotion was proposed, which may have taken the last place in its rung."""
        assert trial.parent is not None
        self._promotions[trial.parent] = trial.number
        self._drop_needless()

    def ended(self, trial: Trial) -> None:
        """Let go of what nobody needs now that `trial` has ended."""
        self._note(trial)
        self._drop_before(trial.number)
        self._drop_if_needless(trial.number)
        if trial.parent is not None:
            self._drop_if_needless(trial.parent)
        if len(self._ranking) > self._keep_best:
            self._drop_if_needless(self._holder(self._table[self._ranking[self._keep_best][1]]))

    def search_is_over(self) -> None:
        """No trial is promoted any more: only the best keep theirs."""
        self._search_is_over = True
        self._drop_needless()

    def _note(self, trial: Trial) -> None:
        if trial.state is TrialState.COMPLETE:
            bisect.insort(self._ranking, self._rank(trial))

    def _rank(self, trial: Trial) -> tuple[float, int]:
        assert trial.value is not None
        return self._sign * trial.value, trial.number

    def _is_below_the_top(self, trial: Trial) -> bool:
        return trial.rung is not None and trial.epochs < self._full_epochs

    def _is_needed(self, trial: Trial) -> bool:
        if not trial.state.is_ended:
            return True
        if trial.state is not TrialState.COMPLETE:
            return False
        if trial.number in self._promotions:
            promotion = self._table[self._promotions[trial.number]]
            if not promotion.state.is_ended:
                return True
            if self._holder(promotion) == trial.number and self._is_needed(promotion):
                return True
        elif not self._search_is_over and self._is_below_the_top(trial) and self._may_promote(trial.number):
            return True
        return self._is_among_the_best(trial) and self._ran_its_budget(trial)

    def _is_among_the_best(self, trial: Trial) -> bool:
        return bisect.bisect_left(self._ranking, self._rank(trial)) < self._keep_best

    def _holder(self, trial: Trial) -> int:
        """Whose checkpoint holds the state in which `trial` ended: its parent's where it trained nothing."""
        if trial.number in self._own or trial.parent is None:
            return trial.number
        return self._holder(self._table[trial.parent])

    def _drop_needless(self) -> None:
        for number in list(self._own):
            self._drop_if_needless(number)

    def _drop_if_needless(self, number: int) -> None:
        if number in self._own and not self._is_needed(self._table[number]):
            self._drop(number)

    def _drop(self, number: int) -> None:
        self._drop_before(number)
        self._drop_last(number)

    def _drop_last(self, number: int) -> None:
        saved = self._own.pop(number, None)
        if saved is not None:
            self._records.drop_checkpoint(saved)

    def _drop_before(self, number: int) -> None:
        saved = self._before.pop(number, None)
        if saved is not None:
            self._records.drop_checkpoint(saved)
