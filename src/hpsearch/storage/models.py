"""The tables. Migrations make them (`migrations/`); a test holds both to the same schema.

Every table has an ``id``; a child names its parent by ``study_id``, ``trial_id`` or ``evaluation_id`` and goes with it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hpsearch.storage.columns import ParameterType, UtcDateTime, ValueKind, enumeration
from hpsearch.study import AttemptOutcome, Direction, ErrorKind, Order, StudyState, TrialState


class ActionKind(StrEnum):
    """What a person may ask of a running study."""

    STOP = "stop"


class Base(DeclarativeBase):
    """All tables of one database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime(), dict[str, Any]: JSON(), list[Any]: JSON()}


def table_of(row: type[Base]) -> Table:
    """The table of a mapped class."""
    table = row.__table__
    assert isinstance(table, Table)
    return table


def _belongs_to(table: str) -> ForeignKey:
    return ForeignKey(f"{table}.id", ondelete="CASCADE")


class StudyRow(Base):
    """One study, and the lease of the coordinator that runs it."""

    __tablename__ = "studies"
    # ids are never used again: files of a deleted study can then not pass for another's
    __table_args__ = (CheckConstraint("lag >= 0 AND threads >= 1", name="counts"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    description: Mapped[str] = mapped_column(Text)
    state: Mapped[StudyState] = mapped_column(enumeration(StudyState, "state"))
    seed: Mapped[int] = mapped_column(BigInteger)
    metric: Mapped[str]
    direction: Mapped[Direction] = mapped_column(enumeration(Direction, "direction"))
    yaml: Mapped[str] = mapped_column(Text)
    resolved: Mapped[dict[str, Any]]
    decisive: Mapped[dict[str, Any]]  # the part of it that decides trials, for the difference when a file has changed
    hash: Mapped[str] = mapped_column(String(64))
    backend: Mapped[str]
    order: Mapped[Order] = mapped_column("order", enumeration(Order, "order"))
    lag: Mapped[int]
    threads: Mapped[int]
    deterministic: Mapped[bool]
    onednn: Mapped[bool]
    versions: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    coordinator_seconds: Mapped[float]
    error: Mapped[str | None] = mapped_column(Text)
    lease_token: Mapped[str | None]
    lease_host: Mapped[str | None]
    lease_pid: Mapped[int | None]
    lease_process_started: Mapped[float | None]  # Unix seconds: a pid may be another process's by now
    lease_taken_at: Mapped[datetime | None]
    lease_heartbeat_at: Mapped[datetime | None]  # by the database's clock


class TrialRow(Base):
    """One trial. `number` and `parent` count within the study."""

    __tablename__ = "trials"
    __table_args__ = (
        UniqueConstraint("study_id", "number"),
        UniqueConstraint("study_id", "told"),
        ForeignKeyConstraint(["study_id", "parent"], ["trials.study_id", "trials.number"], ondelete="CASCADE"),
        Index(None, "study_id", "state", "value"),
        Index(None, "study_id", "parent"),  # without it every deleted trial would look through all others
        CheckConstraint("state != 'complete' OR value IS NOT NULL", name="complete_has_value"),
        CheckConstraint("state NOT IN ('failed', 'invalid') OR error_kind IS NOT NULL", name="failed_has_kind"),
        CheckConstraint("number >= 0 AND epochs >= 0 AND epochs_done >= 0", name="counts"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(_belongs_to("studies"))
    number: Mapped[int]
    state: Mapped[TrialState] = mapped_column(enumeration(TrialState, "state"))
    epochs: Mapped[int]
    epochs_done: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    parent: Mapped[int | None]
    bracket: Mapped[int | None]
    rung: Mapped[int | None]
    known: Mapped[int]
    told: Mapped[int | None]
    value: Mapped[float | None]  # the objective as measured, never negated
    last_value: Mapped[float | None]
    best_epoch: Mapped[int | None]
    model_parameters: Mapped[int | None] = mapped_column(BigInteger)
    seconds: Mapped[float]
    error_kind: Mapped[ErrorKind | None] = mapped_column(enumeration(ErrorKind, "error_kind"))
    error: Mapped[str | None] = mapped_column(Text)
    backend_state: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class TrialParameterRow(Base):
    """One active parameter of a trial; which column holds its value is said by `kind`."""

    __tablename__ = "trial_parameters"
    __table_args__ = (
        UniqueConstraint("trial_id", "name"),
        CheckConstraint(
            "(value_text IS NOT NULL) = (kind = 'text') AND (value_integer IS NOT NULL) = (kind = 'integer')"
            " AND (value_float IS NOT NULL) = (kind = 'float') AND (value_boolean IS NOT NULL) = (kind = 'boolean')",
            name="one_value",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    trial_id: Mapped[int] = mapped_column(_belongs_to("trials"))
    name: Mapped[str]
    kind: Mapped[ParameterType] = mapped_column(enumeration(ParameterType, "kind"))
    value_text: Mapped[str | None] = mapped_column(Text)
    value_integer: Mapped[int | None] = mapped_column(BigInteger)
    value_float: Mapped[float | None]
    value_boolean: Mapped[bool | None]


class EpochValueRow(Base):
    """One metric after one of a trial's own epochs, from 1 (a promotion's go on where its parent's end)."""

    __tablename__ = "epoch_values"
    __table_args__ = (
        UniqueConstraint("trial_id", "metric", "epoch"),
        CheckConstraint("(value IS NULL) = (kind != 'finite')", name="kind_of_value"),
        CheckConstraint("epoch >= 1", name="epoch"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    trial_id: Mapped[int] = mapped_column(_belongs_to("trials"))
    attempt: Mapped[int]  # that measured it
    epoch: Mapped[int]
    metric: Mapped[str]
    value: Mapped[float | None]
    kind: Mapped[ValueKind] = mapped_column(enumeration(ValueKind, "kind"))


class EpochRow(Base):
    """How long one of a trial's own epochs took, training and validation."""

    __tablename__ = "epochs"
    __table_args__ = (UniqueConstraint("trial_id", "epoch"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    trial_id: Mapped[int] = mapped_column(_belongs_to("trials"))
    attempt: Mapped[int]
    epoch: Mapped[int]
    seconds: Mapped[float]
    finished_at: Mapped[datetime]


class AttemptRow(Base):
    """One try at a trial, by one worker."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("trial_id", "attempt"),
        Index("ux_attempts_open", "trial_id", unique=True, sqlite_where=text("ended_at IS NULL")),
        CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_has_outcome"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    trial_id: Mapped[int] = mapped_column(_belongs_to("trials"))
    attempt: Mapped[int]  # 1, 2, ...
    worker: Mapped[str]
    host: Mapped[str]
    device: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[AttemptOutcome | None] = mapped_column(enumeration(AttemptOutcome, "outcome"))
    from_epoch: Mapped[int]
    peak_memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str | None] = mapped_column(Text)


class WorkerRow(Base):
    """One worker process that a coordinator started."""

    __tablename__ = "workers"
    __table_args__ = (Index(None, "study_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(_belongs_to("studies"))
    name: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int | None]
    device: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class EvaluationRow(Base):
    """One retraining (or kept weights) of a trial, scored once on the test split."""

    __tablename__ = "evaluations"
    __table_args__ = (Index(None, "study_id"), Index(None, "trial_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(_belongs_to("studies"))
    trial_id: Mapped[int] = mapped_column(_belongs_to("trials"))
    repeat: Mapped[int]
    role: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    epochs: Mapped[int]  # to be trained
    epochs_done: Mapped[int]
    epoch: Mapped[int | None]  # whose weights were tested
    configuration: Mapped[dict[str, Any]]
    classes: Mapped[list[Any] | None]
    confusion: Mapped[list[Any] | None]  # [true][predicted] counts
    members: Mapped[list[Any] | None]  # of an ensemble
    seconds: Mapped[float]
    device: Mapped[str | None]
    error: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class EvaluationScoreRow(Base):
    """One test metric of an evaluation: `accuracy`, `loss`, `f1_weighted`, ..."""

    __tablename__ = "evaluation_scores"
    __table_args__ = (
        UniqueConstraint("evaluation_id", "metric"),
        CheckConstraint("(value IS NULL) = (kind != 'finite')", name="kind_of_value"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    evaluation_id: Mapped[int] = mapped_column(_belongs_to("evaluations"))
    metric: Mapped[str]
    value: Mapped[float | None]
    kind: Mapped[ValueKind] = mapped_column(enumeration(ValueKind, "kind"))


class EvaluationEpochRow(Base):
    """One metric after one epoch of a retraining: its curves and rates."""

    __tablename__ = "evaluation_epochs"
    __table_args__ = (
        UniqueConstraint("evaluation_id", "metric", "epoch"),
        CheckConstraint("(value IS NULL) = (kind != 'finite')", name="kind_of_value"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    evaluation_id: Mapped[int] = mapped_column(_belongs_to("evaluations"))
    epoch: Mapped[int]
    metric: Mapped[str]
    value: Mapped[float | None]
    kind: Mapped[ValueKind] = mapped_column(enumeration(ValueKind, "kind"))


class ArtifactRow(Base):
    """One file of a study; `path` is relative to the study's artifacts folder."""

    __tablename__ = "artifacts"
    __table_args__ = (UniqueConstraint("study_id", "path"), Index(None, "trial_id"), Index(None, "evaluation_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(_belongs_to("studies"))
    trial_id: Mapped[int | None] = mapped_column(_belongs_to("trials"))
    evaluation_id: Mapped[int | None] = mapped_column(_belongs_to("evaluations"))
    kind: Mapped[str]
    epoch: Mapped[int | None]
    path: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class ActionRow(Base):
    """What a person asks of a running study; any process writes it, the coordinator reads and closes it."""

    __tablename__ = "actions"
    __table_args__ = (Index(None, "study_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(_belongs_to("studies"))
    kind: Mapped[ActionKind] = mapped_column(enumeration(ActionKind, "kind"))
    requested_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class NoteRow(Base):
    """A person's remark on a study or on one of its trials."""

    __tablename__ = "notes"
    __table_args__ = (Index(None, "study_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(_belongs_to("studies"))
    trial_id: Mapped[int | None] = mapped_column(_belongs_to("trials"))
    text: Mapped[str] = mapped_column(Text)
    written_at: Mapped[datetime]


class EventRow(Base):
    """What happened to a study, append-only: restarts, changes of limits, takeovers."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "study_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(_belongs_to("studies"))
    kind: Mapped[str]
    text: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]]
    happened_at: Mapped[datetime]
