"""Reads of retrainings with their test scores, and of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from hpsearch.storage.artifacts import artifacts_dir
from hpsearch.storage.columns import join_number
from hpsearch.storage.models import ArtifactRow, EvaluationEpochRow, EvaluationRow, EvaluationScoreRow, TrialRow
from hpsearch.storage.records import Artifact, EvaluationRecord
from hpsearch.storage.study_reads import StudyReads
from hpsearch.study import TrialState

_OPEN = (TrialState.WAITING, TrialState.RUNNING)


class EvaluationReads(StudyReads):
    """Evaluations and artifacts of a study."""

    def artifacts_dir(self, study_id: int) -> Path:
        """The folder of the study's files, whether it exists or not."""
        return artifacts_dir(self.path, study_id)

    def artifacts(
        self, study_id: int, *, kind: str | None = None, trial: int | None = None, evaluation: int | None = None
    ) -> list[Artifact]:
        """The study's files, oldest first, of that kind, trial or evaluation where given."""
        row = ArtifactRow
        statement = (
            select(row.kind, row.path, row.sha256, row.size_bytes, TrialRow.number, row.evaluation_id, row.epoch)
            .outerjoin(TrialRow, TrialRow.id == row.trial_id)
            .where(row.study_id == study_id)
            .order_by(row.id)
        )
        if kind is not None:
            statement = statement.where(row.kind == kind)
        if trial is not None:
            statement = statement.where(TrialRow.study_id == study_id, TrialRow.number == trial)  # both: an index
        if evaluation is not None:
            statement = statement.where(row.evaluation_id == evaluation)
        with self._read() as connection:
            return [Artifact(*found) for found in connection.execute(statement)]

    def evaluations(self, study_id: int, *, finished: bool | None = None) -> list[EvaluationRecord]:
        """The study's retrainings, oldest first; `finished` true or false for only those that have ended or not."""
        columns = [c for c in EvaluationRow.__table__.columns if c.name not in ("study_id", "trial_id")]
        statement = (
            select(TrialRow.number.label("trial"), *columns)
            .join(TrialRow, TrialRow.id == EvaluationRow.trial_id)
            .where(EvaluationRow.study_id == study_id)
            .order_by(EvaluationRow.id)
        )
        if finished is not None:
            ended = EvaluationRow.finished_at
            statement = statement.where(ended.is_not(None) if finished else ended.is_(None))
        with self._read() as connection:
            rows = [dict(row) for row in connection.execute(statement).mappings()]
            return [_evaluation(connection, row) for row in rows]

    def retraining_underway(self, study_id: int) -> EvaluationRecord | None:
        """The retraining that was begun last, has epochs and has not ended; None while the search goes on."""
        begun = [record for record in self.evaluations(study_id, finished=False) if record.epochs_done]
        if not begun or any(self.counts(study_id).get(state) for state in _OPEN):
            return None
        return begun[-1]


def _evaluation(connection: Connection, row: dict[str, Any]) -> EvaluationRecord:
    score, point = EvaluationScoreRow, EvaluationEpochRow
    metrics = connection.execute(
        select(score.metric, score.value, score.kind).where(score.evaluation_id == row["id"]).order_by(score.id)
    )
    curve: dict[int, dict[str, float]] = {}
    points = connection.execute(
        select(point.epoch, point.metric, point.value, point.kind)
        .where(point.evaluation_id == row["id"])
        .order_by(point.epoch, point.id)
    )
    for epoch, metric, value, kind in points:
        curve.setdefault(epoch, {})[metric] = join_number(value, kind)
    fields = row | {name: row[name] or [] for name in ("classes", "confusion", "members")}
    return EvaluationRecord(
        **fields, metrics={metric: join_number(value, kind) for metric, value, kind in metrics}, curve=curve
    )
