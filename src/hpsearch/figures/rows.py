"""What figures are drawn from: a study's rows as DataFrames, each read when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hpsearch.figures.selection import Selection, are_numbers
from hpsearch.space import Parameter as Definition
from hpsearch.space import Scale
from hpsearch.space.definitions import read_definitions
from hpsearch.space.problems import Problems
from hpsearch.storage import (
    EvaluationRecord,
    Store,
    attempts_frame,
    curves_frame,
    failures_frame,
    read_artifact,
    results,
    trials_frame,
)
from hpsearch.study import Direction, Study, StudyState, TrialState
from hpsearch.wording import NOBODY

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the space, as an axis.

    Attributes:
        name: in the space.
        column: in `StudyRows.trials`; another one where a trial's own column has that name.
        is_log: whether the space draws it on a logarithmic scale.
        is_number: whether its values are ordered and have distances; texts, booleans and null are not.
    """

    name: str
    column: str
    is_log: bool
    is_number: bool


class StudyRows:
    """A study's rows, read once. Nothing is read before it is needed, and nothing is ever written.

    Args:
        trials: a frame like that of `trials_frame`, where the caller has read it already.
        whole: where `trials` are chosen ones: the rows of all.

    Attributes:
        whole: the same study with all its trials; itself where none was left out.
    """

    def __init__(
        self, store: Store, study: Study, trials: pandas.DataFrame | None = None, whole: StudyRows | None = None
    ) -> None:
        self.study = study
        self._store = store
        self._trials = trials
        self.whole = self if whole is None else whole

    @property
    def metric(self) -> str:
        """What the study searches for, such as ``val_accuracy``."""
        return self.study.objective.metric

    @property
    def is_maximized(self) -> bool:
        """Whether larger is better."""
        return self.study.objective.direction is Direction.MAXIMIZE

    @property
    def target(self) -> float | None:
        """The value at which the study stops; None where it has none."""
        limits = self.study.resolved.get("limits") or {}
        target = limits.get("target")
        return None if target is None else float(target)

    @cached_property
    def trials(self) -> pandas.DataFrame:
        """`storage.trials_frame`: one row a trial, its number as index, a column a parameter after its own."""
        return trials_frame(self._store, self.study.id) if self._trials is None else self._trials

    @cached_property
    def filled(self) -> frozenset[str]:
        """The columns of `trials` in which any trial has anything."""
        there = self.trials.notna().any()
        return frozenset(there.index[there])

    @cached_property
    def complete(self) -> pandas.DataFrame:
        """The complete trials, in number order."""
        return self.trials[self.trials["state"] == TrialState.COMPLETE.value]

    @cached_property
    def attempts(self) -> pandas.DataFrame:
        """One row an attempt: ``trial, attempt, worker, device, started_at, ended_at, outcome, from_epoch, ...``."""
        whole = self.whole
        frame = attempts_frame(self._store, self.study.id) if whole is self else whole.attempts
        return frame[frame["trial"].isin(self.trials.index)]

    @cached_property
    def failures(self) -> pandas.DataFrame:
        """`storage.failures_frame`: one row a trial that has failed or was invalid, with its reason in one line."""
        frame = failures_frame(self._store, self.study.id)
        return frame[frame["trial"].isin(self.trials.index)]

    @cached_property
    def retried(self) -> pandas.DataFrame:
        """One row an attempt whose mishap did not end its trial: ``trial, outcome``."""
        import pandas

        frame = pandas.DataFrame(self._store.retried(self.study.id), columns=["trial", "outcome"], dtype="object")
        return frame[frame["trial"].isin(self.trials.index)]

    @cached_property
    def last_epochs(self) -> Mapping[tuple[int, int], datetime]:
        """By (trial, attempt) when its last epoch finished; of attempts that are open or have lost their worker."""
        return self._store.last_epochs(self.study.id)

    @cached_property
    def is_running(self) -> bool:
        """Whether a living coordinator had the study when this was first asked."""
        return self._store.is_running(self.study.id)

    @property
    def state(self) -> str:
        """The study's state in few words: one that says running though nobody runs it says that."""
        is_left = self.study.state is StudyState.RUNNING and not self.is_running
        return NOBODY if is_left else self.study.state.value

    @cached_property
    def evaluations(self) -> Sequence[EvaluationRecord]:
        """The retrainings that have ended well, oldest first; each says how many repeats it is one of."""
        ended = [found for found in self._store.evaluations(self.study.id, finished=True) if found.error is None]
        return [replace(one, repeats=len({found.repeat for found in ended if found.is_like(one)})) for one in ended]

    @cached_property
    def last_retraining(self) -> EvaluationRecord | None:
        """The best trial's last retraining, its first repeat; the best that has one. Whatever trials are selected."""
        if not self.evaluations:
            return None
        for limit in (1, None):  # mostly it is the best of all that was retrained
            for result in results(self._store, self.study, limit):
                if result.evaluations:
                    first = min(result.evaluations, key=lambda found: found.repeat)
                    return next((found for found in self.evaluations if found.id == first.id), first)
        return self.evaluations[-1]  # of a trial that was the best before any was complete

    @cached_property
    def retraining_underway(self) -> EvaluationRecord | None:
        """The one that somebody is doing, or that has stopped amid the first of all; None where there is none."""
        found = self._store.retraining_underway(self.study.id)
        return found if self.is_running or not self.evaluations else None

    def examples(self, evaluation: int) -> bytes | None:
        """The example images of a retraining (`training.examples`); None where none are beside the database.

        Raises ArtifactMissing where the file has been changed or damaged.
        """
        folder = self._store.artifacts_dir(self.study.id)
        found = self._store.artifacts(self.study.id, kind="examples", evaluation=evaluation)
        there = [artifact for artifact in found if (folder / artifact.path).is_file()]
        return read_artifact(folder, there[-1]) if there else None

    @cached_property
    def definitions(self) -> Mapping[str, Definition]:
        """The space's parameters by name, families as their members, parents before children."""
        return read_definitions(self.study.resolved.get("parameters"), Problems()).parameters

    @cached_property
    def parameters(self) -> Sequence[Parameter]:
        """The parameters that any of the trials has, in the order of `definitions`."""
        there = set(self.trials.columns)
        found = []
        for name, definition in self.definitions.items():
            column = f"parameter.{name}" if f"parameter.{name}" in there else name
            if column in there:
                found.append(_parameter(column, definition, self.trials[column]))
        return found

    def best(self, count: int) -> list[int]:
        """Numbers of the complete trials with the best values, best first, ties to the lower number."""
        ordered = self.complete.reset_index().sort_values(
            ["value", "number"], ascending=[not self.is_maximized, True], kind="stable"
        )
        return [int(number) for number in ordered["number"].head(count)]

    def curves(self, numbers: Iterable[int]) -> pandas.DataFrame:
        """`storage.curves_frame`: whole curves of some trials, with the epochs of those that they continue."""
        return curves_frame(self._store, self.study.id, list(numbers))

    def selected(self, selection: Selection) -> StudyRows:
        """The same study with only the chosen trials."""
        chosen = selection.of(self.trials)
        return self if len(chosen) == len(self.trials) else StudyRows(self._store, self.study, chosen, self.whole)


def _parameter(column: str, definition: Definition, values: pandas.Series[Any]) -> Parameter:
    """Numbers among choices are drawn as numbers."""
    return Parameter(definition.name, column, definition.scale is Scale.LOG, are_numbers(values))
