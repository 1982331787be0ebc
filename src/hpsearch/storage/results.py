"""A study's best trials together with what the test split says of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hpsearch.errors import ArtifactMissing, NothingFinished
from hpsearch.storage.artifacts import verify_artifact
from hpsearch.storage.records import EvaluationRecord
from hpsearch.storage.store import Store
from hpsearch.study import Study, Trial


@dataclass(frozen=True, slots=True)
class Result:
    """One of the best trials.

    Attributes:
        evaluations: its last retraining, one for each repeat; empty where there is none yet.
    """

    trial: Trial
    evaluations: tuple[EvaluationRecord, ...]

    @property
    def scores(self) -> Mapping[str, float]:
        """Each test metric, its mean over repeats; empty without a retraining or without test labels."""
        names = self.evaluations[0].metrics if self.evaluations else {}
        return {name: statistics.fmean(self._repeats(name)) for name in names}

    @property
    def deviations(self) -> Mapping[str, float]:
        """Each test metric's standard deviation over repeats, NaN with an infinite one; empty for a single repeat."""
        if len(self.evaluations) < 2:
            return {}
        return {name: _deviation(self._repeats(name)) for name in self.evaluations[0].metrics}

    def _repeats(self, name: str) -> list[float]:
        return [evaluation.metrics[name] for evaluation in self.evaluations if name in evaluation.metrics]


def results(store: Store, study: Study, limit: int | None = 1) -> list[Result]:
    """The best trials with their scores, best first.

    Complete trials; where a study has ended without one, those that were retrained. NothingFinished where there is
    neither.
    """
    evaluations = [found for found in store.evaluations(study.id, finished=True) if found.error is None]
    trials = store.best_trials(study.id, limit)
    if not trials:
        retrained = dict.fromkeys(evaluation.trial for evaluation in evaluations)
        trials = [store.trial(study.id, number) for number in retrained][:limit]
    if not trials:
        counts = store.counts(study.id)
        held = ", ".join(f"{count} {state}" for state, count in counts.items()) or "no trials"
        raise NothingFinished(f"Study {study.name} has no complete trial yet: it has {held}.")
    return [Result(trial, _last_retraining(evaluations, trial.number)) for trial in trials]


def saved_model(store: Store, study: Study) -> tuple[Path, EvaluationRecord]:
    """The model file of the best retrained trial, of its last retraining's first repeat, and that retraining's record.

    Raises ArtifactMissing where there is none, or its file is gone.
    """
    for result in results(store, study, limit=None):
        for evaluation in result.evaluations:
            found = store.artifacts(study.id, kind="model", evaluation=evaluation.id)
            if found:
                return verify_artifact(store.artifacts_dir(study.id), found[-1]), evaluation
    raise ArtifactMissing(
        f"Study {study.name} has no saved model yet: `hpsearch retrain --study {study.name}` makes one."
    )


def _deviation(values: list[float]) -> float:
    # statistics.stdev crashes on infinities
    return statistics.stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else math.nan


def _last_retraining(evaluations: list[EvaluationRecord], trial: int) -> tuple[EvaluationRecord, ...]:
    own = [evaluation for evaluation in evaluations if evaluation.trial == trial]
    if not own:
        return ()
    last = own[-1]
    return tuple({found.repeat: found for found in own if found.is_like(last)}.values())
