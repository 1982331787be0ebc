"""Writes of retrainings with their test scores, and of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.dialects.sqlite import insert as insert_or_replace

from hpsearch.storage.columns import now, split_number
from hpsearch.storage.models import ArtifactRow, EvaluationEpochRow, EvaluationRow, EvaluationScoreRow
from hpsearch.storage.study_writes import StudyWrites, inserted_id

_new_value = insert_or_replace(EvaluationEpochRow)
_WRITE_VALUES = _new_value.on_conflict_do_update(
    index_elements=["evaluation_id", "metric", "epoch"],
    set_={name: _new_value.excluded[name] for name in ("value", "kind")},
)
_new_artifact = insert_or_replace(ArtifactRow)
_WRITE_ARTIFACT = _new_artifact.on_conflict_do_update(
    index_elements=["study_id", "path"],
    set_={
        name: _new_artifact.excluded[name]
        for name in ("kind", "trial_id", "evaluation_id", "epoch", "sha256", "size_bytes", "created_at")
    },
)


class EvaluationWrites(StudyWrites):
    """Evaluations and artifacts. Evaluations are named by their id, artifacts by their path."""

    def add_evaluation(
        self, trial: int, repeat: int, role: str, seed: int, epochs: int, configuration: Mapping[str, Any]
    ) -> int:
        """Note that a trial is being retrained (or its kept weights evaluated); the evaluation's id."""
        result = self._connection.execute(
            insert(EvaluationRow),
            {
                "study_id": self._study_id,
                "trial_id": self._known(trial).id,
                "repeat": repeat,
                "role": role,
                "seed": seed,
                "epochs": epochs,
                "epochs_done": 0,
                "configuration": dict(configuration),
                "seconds": 0.0,
                "started_at": now(),
            },
        )
        return inserted_id(result)

    def record_evaluation_epoch(
        self, evaluation: int, epoch: int, values: Mapping[str, float], seconds: float, device: str | None = None
    ) -> None:
        """Write one epoch of a retraining; one that goes on from a checkpoint replaces the epochs beyond it."""
        self._connection.execute(
            delete(EvaluationEpochRow).where(
                EvaluationEpochRow.evaluation_id == evaluation, EvaluationEpochRow.epoch > epoch
            )
        )
        rows = []
        for metric, number in values.items():
            value, kind = split_number(number)
            rows.append({"evaluation_id": evaluation, "epoch": epoch, "metric": metric, "value": value, "kind": kind})
        if rows:
            self._connection.execute(_WRITE_VALUES, rows)
        changes: dict[str, Any] = {"epochs_done": epoch, "seconds": EvaluationRow.seconds + seconds}
        if device is not None:
            changes["device"] = device
        self._update_evaluation(evaluation, changes)

    def finish_evaluation(
        self,
        evaluation: int,
        metrics: Mapping[str, float],
        classes: Sequence[Mapping[str, Any]] = (),
        confusion: Sequence[Sequence[int]] = (),
        epoch: int | None = None,
        members: Sequence[Mapping[str, float]] = (),
    ) -> None:
        """Write the scores on the test split, none where it has no labels. `epoch`: whose weights were tested."""
        rows = []
        for metric, number in metrics.items():
            value, kind = split_number(number)
            rows.append({"evaluation_id": evaluation, "metric": metric, "value": value, "kind": kind})
        if rows:
            self._connection.execute(insert(EvaluationScoreRow), rows)
        self._update_evaluation(
            evaluation,
            {
                "classes": [dict(score) for score in classes],
                "confusion": [list(row) for row in confusion],
                "members": [dict(member) for member in members],
                "epoch": epoch,
                "finished_at": now(),
            },
        )

    def fail_evaluation(self, evaluation: int, error: str) -> None:
        """Note why a retraining ended without scores."""
        self._update_evaluation(evaluation, {"error": error, "finished_at": now()})

    def add_artifact(
        self,
        kind: str,
        path: str,
        sha256: str,
        size_bytes: int,
        *,
        trial: int | None = None,
        evaluation: int | None = None,
        epoch: int | None = None,
    ) -> None:
        """Note a file, `path` being relative to the study's artifacts folder; one of the same path is replaced."""
        self._connection.execute(
            _WRITE_ARTIFACT,
            {
                "study_id": self._study_id,
                "trial_id": None if trial is None else self._known(trial).id,
                "evaluation_id": evaluation,
                "kind": kind,
                "epoch": epoch,
                "path": path,
                "sha256": sha256,
                "size_bytes": size_bytes,
                "created_at": now(),
            },
        )

    def remove_artifact(self, path: str) -> None:
        """Forget a file. Delete it only after the transaction: a row without its file is an error, not the reverse."""
        self._connection.execute(
            delete(ArtifactRow).where(ArtifactRow.study_id == self._study_id, ArtifactRow.path == path)
        )

    def _update_evaluation(self, evaluation: int, values: dict[str, Any]) -> None:
        self._connection.execute(
            update(EvaluationRow)
            .where(EvaluationRow.study_id == self._study_id, EvaluationRow.id == evaluation)
            .values(**values)
        )
