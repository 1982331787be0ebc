"""All trials of a study as the coordinator knows them: the rows, in memory, and what is asked of them often."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from hpsearch.study import ErrorKind, Parameters, Trial, TrialState


class Table:
    """The trials by number. Every question that the loop asks is answered in constant time."""

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self._trials: list[Trial] = []
        self._valid: list[int] = []
        self._drawn: Counter[str] = Counter()
        self._judged = 0  # trials before this number are in `_failures`
        self._failures = 0
        for trial in trials:
            self.add(trial)

    def __len__(self) -> int:
        return len(self._trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self._trials)

    def __getitem__(self, number: int) -> Trial:
        return self._trials[number]

    @property
    def valid(self) -> list[int]:
        """Numbers of the trials that are not invalid, in order."""
        return self._valid

    def add(self, trial: Trial) -> None:
        """Take in the next trial."""
        assert trial.number == len(self._trials)
        self._trials.append(trial)
        if trial.state is not TrialState.INVALID:
            self._valid.append(trial.number)
        if trial.parent is None:
            self._drawn[_key(trial.parameters)] += 1

    def replace(self, trial: Trial) -> None:
        """Put the newer form of a trial in the place of the older."""
        self._trials[trial.number] = trial

    def times_drawn(self, parameters: Parameters) -> int:
        """How many trials without parent have had equal parameters."""
        return self._drawn[_key(parameters)]

    def failed_in_a_row(self, limit: int) -> int | None:
        """Number of the trial with which `limit` trials or more had failed in a row, since this was last asked.

        Counted in number order up to the first trial that has not ended, so not by who was faster. Invalid trials and
        promotions of failed ones do not count.
        """
        reached: int | None = None
        while self._judged < len(self._trials) and self._trials[self._judged].state.is_ended:
            trial = self._trials[self._judged]
            self._judged += 1
            if trial.state is TrialState.INVALID or trial.error_kind is ErrorKind.PARENT_FAILED:
                continue
            self._failures = self._failures + 1 if trial.state is TrialState.FAILED else 0
            if self._failures >= limit and reached is None:
                reached = trial.number
        return reached


def canonical(parameters: Parameters) -> dict[str, object]:
    """Parameters with equal numbers in one form: 1.0 is 1."""
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in parameters.items()
    }


def _key(parameters: Parameters) -> str:
    return json.dumps(canonical(parameters), sort_keys=True)
