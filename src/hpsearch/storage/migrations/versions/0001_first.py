"""The first schema: studies, trials and their epochs, evaluations, artifacts, and what people and coordinators say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BEST_TRIALS = """
CREATE VIEW best_trials AS
SELECT studies.name AS study,
       trials.number AS trial,
       ROW_NUMBER() OVER (
           PARTITION BY trials.study_id
           ORDER BY CASE studies.direction WHEN 'maximize' THEN -trials.value ELSE trials.value END, trials.number
       ) AS place,
       studies.metric AS metric,
       trials.value AS value,
       trials.best_epoch AS best_epoch,
       trials.epochs_done AS epochs,
       trials.model_parameters AS model_parameters,
       trials.seconds AS seconds,
       (SELECT json_group_object(name, value)
        FROM (SELECT name, COALESCE(value_text, value_integer, value_float, value_boolean) AS value
              FROM trial_parameters WHERE trial_parameters.trial_id = trials.id ORDER BY id)) AS parameters
FROM trials JOIN studies ON studies.id = trials.study_id
WHERE trials.state = 'complete'
"""

# a promotion's curve begins with the epochs of those it continues
LEARNING_CURVES = """
CREATE VIEW learning_curves AS
WITH RECURSIVE lineage (study_id, trial, trained_by, trained_by_id, parent) AS (
    SELECT study_id, number, number, id, parent FROM trials
    UNION ALL
    SELECT lineage.study_id, lineage.trial, trials.number, trials.id, trials.parent
    FROM lineage JOIN trials ON trials.study_id = lineage.study_id AND trials.number = lineage.parent
)
SELECT studies.name AS study,
       lineage.trial AS trial,
       epoch_values.epoch AS epoch,
       epoch_values.metric AS metric,
       epoch_values.value AS value,
       epoch_values.kind AS kind,
       lineage.trained_by AS trained_by
FROM lineage
JOIN studies ON studies.id = lineage.study_id
JOIN epoch_values ON epoch_values.trial_id = lineage.trained_by_id
"""


def upgrade() -> None:
    """Make every table, index and view."""
    _studies_and_trials()
    _training()
    _evaluations()
    _people()
    op.execute(BEST_TRIALS)
    op.execute(LEARNING_CURVES)


def _studies_and_trials() -> None:
    op.create_table(
        "studies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "running", "stopped", "complete", "failed", name="state", native_enum=False, create_constraint=True
            ),
            nullable=False,
        ),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column(
            "direction",
            sa.Enum("maximize", "minimize", name="direction", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("yaml", sa.Text(), nullable=False),
        sa.Column("resolved", sa.JSON(), nullable=False),
        sa.Column("decisive", sa.JSON(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("backend", sa.String(), nullable=False),
        sa.Column(
            "order",
            sa.Enum("number", "finished", name="order", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("lag", sa.Integer(), nullable=False),
        sa.Column("threads", sa.Integer(), nullable=False),
        sa.Column("deterministic", sa.Boolean(), nullable=False),
        sa.Column("onednn", sa.Boolean(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("coordinator_seconds", sa.Double(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("lease_token", sa.String(), nullable=True),
        sa.Column("lease_host", sa.String(), nullable=True),
        sa.Column("lease_pid", sa.Integer(), nullable=True),
        sa.Column("lease_process_started", sa.Double(), nullable=True),
        sa.Column("lease_taken_at", sa.DateTime(), nullable=True),
        sa.Column("lease_heartbeat_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("lag >= 0 AND threads >= 1", name=op.f("ck_studies_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        sa.UniqueConstraint("name", name=op.f("uq_studies_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "trials",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "running",
                "complete",
                "pruned",
                "failed",
                "invalid",
                name="state",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=False,
        ),
        sa.Column("epochs", sa.Integer(), nullable=False),
        sa.Column("epochs_done", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=True),
        sa.Column("bracket", sa.Integer(), nullable=True),
        sa.Column("rung", sa.Integer(), nullable=True),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("last_value", sa.Double(), nullable=True),
        sa.Column("best_epoch", sa.Integer(), nullable=True),
        sa.Column("model_parameters", sa.BigInteger(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column(
            "error_kind",
            sa.Enum(
                "error",
                "nan",
                "oom",
                "lost",
                "timeout",
                "parent_failed",
                "invalid",
                name="error_kind",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=True,
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("backend_state", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("state != 'complete' OR value IS NOT NULL", name=op.f("ck_trials_complete_has_value")),
        sa.CheckConstraint(
            "state NOT IN ('failed', 'invalid') OR error_kind IS NOT NULL", name=op.f("ck_trials_failed_has_kind")
        ),
        sa.CheckConstraint("number >= 0 AND epochs >= 0 AND epochs_done >= 0", name=op.f("ck_trials_counts")),
        sa.ForeignKeyConstraint(
            ["study_id", "parent"],
            ["trials.study_id", "trials.number"],
            name=op.f("fk_trials_study_id_parent"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_trials_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trials")),
        sa.UniqueConstraint("study_id", "number", name=op.f("uq_trials_study_id_number")),
        sa.UniqueConstraint("study_id", "told", name=op.f("uq_trials_study_id_told")),
    )
    op.create_index(op.f("ix_trials_study_id_parent"), "trials", ["study_id", "parent"], unique=False)
    op.create_index(op.f("ix_trials_study_id_state_value"), "trials", ["study_id", "state", "value"], unique=False)
    op.create_table(
        "trial_parameters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "text", "integer", "float", "boolean", "null", name="kind", native_enum=False, create_constraint=True
            ),
            nullable=False,
        ),
        sa.Column("value_text", sa.Text(), nullable=True),
        sa.Column("value_integer", sa.BigInteger(), nullable=True),
        sa.Column("value_float", sa.Double(), nullable=True),
        sa.Column("value_boolean", sa.Boolean(), nullable=True),
        sa.CheckConstraint(
            "(value_text IS NOT NULL) = (kind = 'text') AND (value_integer IS NOT NULL) = (kind = 'integer')"
            " AND (value_float IS NOT NULL) = (kind = 'float') AND (value_boolean IS NOT NULL) = (kind = 'boolean')",
            name=op.f("ck_trial_parameters_one_value"),
        ),
        sa.ForeignKeyConstraint(
            ["trial_id"], ["trials.id"], name=op.f("fk_trial_parameters_trial_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial_parameters")),
        sa.UniqueConstraint("trial_id", "name", name=op.f("uq_trial_parameters_trial_id_name")),
    )


def _training() -> None:
    op.create_table(
        "epochs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name=op.f("fk_epochs_trial_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_epochs")),
        sa.UniqueConstraint("trial_id", "epoch", name=op.f("uq_epochs_trial_id_epoch")),
    )
    op.create_table(
        "epoch_values",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum("finite", "nan", "+inf", "-inf", name="kind", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.CheckConstraint("(value IS NULL) = (kind != 'finite')", name=op.f("ck_epoch_values_kind_of_value")),
        sa.CheckConstraint("epoch >= 1", name=op.f("ck_epoch_values_epoch")),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name=op.f("fk_epoch_values_trial_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_epoch_values")),
        sa.UniqueConstraint("trial_id", "metric", "epoch", name=op.f("uq_epoch_values_trial_id_metric_epoch")),
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "complete",
                "pruned",
                "stopped",
                "error",
                "nan",
                "oom",
                "lost",
                "timeout",
                name="outcome",
                native_enum=False,
                create_constraint=True,
            ),
            nullable=True,
        ),
        sa.Column("from_epoch", sa.Integer(), nullable=False),
        sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name=op.f("ck_attempts_ended_has_outcome")),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name=op.f("fk_attempts_trial_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("trial_id", "attempt", name=op.f("uq_attempts_trial_id_attempt")),
    )
    op.create_index("ux_attempts_open", "attempts", ["trial_id"], unique=True, sqlite_where=sa.text("ended_at IS NULL"))
    op.create_table(
        "workers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_workers_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_index(op.f("ix_workers_study_id"), "workers", ["study_id"], unique=False)


def _evaluations() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("epochs", sa.Integer(), nullable=False),
        sa.Column("epochs_done", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("configuration", sa.JSON(), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=True),
        sa.Column("confusion", sa.JSON(), nullable=True),
        sa.Column("members", sa.JSON(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("device", sa.String(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_evaluations_study_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name=op.f("fk_evaluations_trial_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
    )
    op.create_index(op.f("ix_evaluations_study_id"), "evaluations", ["study_id"], unique=False)
    op.create_index(op.f("ix_evaluations_trial_id"), "evaluations", ["trial_id"], unique=False)
    op.create_table(
        "evaluation_scores",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("evaluation_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum("finite", "nan", "+inf", "-inf", name="kind", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.CheckConstraint("(value IS NULL) = (kind != 'finite')", name=op.f("ck_evaluation_scores_kind_of_value")),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["evaluations.id"], name=op.f("fk_evaluation_scores_evaluation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_scores")),
        sa.UniqueConstraint("evaluation_id", "metric", name=op.f("uq_evaluation_scores_evaluation_id_metric")),
    )
    op.create_table(
        "evaluation_epochs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("evaluation_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum("finite", "nan", "+inf", "-inf", name="kind", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.CheckConstraint("(value IS NULL) = (kind != 'finite')", name=op.f("ck_evaluation_epochs_kind_of_value")),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["evaluations.id"], name=op.f("fk_evaluation_epochs_evaluation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_epochs")),
        sa.UniqueConstraint(
            "evaluation_id", "metric", "epoch", name=op.f("uq_evaluation_epochs_evaluation_id_metric_epoch")
        ),
    )
    op.create_table(
        "artifacts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=True),
        sa.Column("evaluation_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["evaluations.id"], name=op.f("fk_artifacts_evaluation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_artifacts_study_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name=op.f("fk_artifacts_trial_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifacts")),
        sa.UniqueConstraint("study_id", "path", name=op.f("uq_artifacts_study_id_path")),
    )
    op.create_index(op.f("ix_artifacts_evaluation_id"), "artifacts", ["evaluation_id"], unique=False)
    op.create_index(op.f("ix_artifacts_trial_id"), "artifacts", ["trial_id"], unique=False)


def _people() -> None:
    op.create_table(
        "actions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Enum("stop", name="kind", native_enum=False, create_constraint=True), nullable=False),
        sa.Column("requested_at", sa.DateTime(), nullable=False),
        sa.Column("done_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_actions_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actions")),
    )
    op.create_index(op.f("ix_actions_study_id"), "actions", ["study_id"], unique=False)
    op.create_table(
        "notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_notes_study_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name=op.f("fk_notes_trial_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    op.create_index(op.f("ix_notes_study_id"), "notes", ["study_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("happened_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_events_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_study_id"), "events", ["study_id"], unique=False)
