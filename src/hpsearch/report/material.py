"""What the sections of a report are made from: a study's rows, each read when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from hpsearch.errors import NothingFinished
from hpsearch.figures.rows import StudyRows
from hpsearch.storage import EvaluationRecord, Result, Store, results
from hpsearch.study import Study, Trial, TrialState


class Material:
    """A study as its report sees it. Nothing is ever written.

    Args:
        store: the open database.
        study: its row.
        data_dir: where ``NAME.npz`` data sets lie, for the Keras script alone.
    """

    def __init__(self, store: Store, study: Study, data_dir: str | None = None) -> None:
        self.store = store
        self.study = study
        self.data_dir = data_dir
        self.rows = StudyRows(store, study)

    @cached_property
    def counts(self) -> Mapping[TrialState, int]:
        """Trials by state; states without a trial are absent."""
        return self.store.counts(self.study.id)

    @cached_property
    def trials(self) -> Sequence[Trial]:
        """All trials in number order."""
        return self.store.trials(self.study.id)

    @cached_property
    def best(self) -> Result | None:
        """The best trial with its last retraining; None where no trial is complete and none was retrained."""
        try:
            return results(self.store, self.study)[0]
        except NothingFinished:
            return None

    @cached_property
    def tested(self) -> Sequence[Result]:
        """Every retraining that ended well, the best trial's last one first; its repeats are together."""
        groups: list[list[EvaluationRecord]] = []
        for record in self.rows.evaluations:
            group = next((group for group in groups if record.is_like(group[0])), None)
            if group is None:
                groups.append([record])
            else:
                group.append(record)
        found = [
            Result(self.store.trial(self.study.id, group[0].trial), tuple({one.repeat: one for one in group}.values()))
            for group in groups
        ]
        if self.best is None or not self.best.evaluations:
            return found
        first = self.best.evaluations[0].id
        return sorted(found, key=lambda result: all(record.id != first for record in result.evaluations))

    @cached_property
    def no_trials(self) -> str:
        """Why there is no complete trial, in one sentence."""
        held = ", ".join(f"{count:,} {state.value}" for state, count in self.counts.items())
        return f"No trial is complete yet; the study has {held}." if held else "The study has no trial yet."
