"""What the store takes and gives besides studies, trials and attempts: plain frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hpsearch.study import Direction, Objective, Order, StudyState, TrialState


@dataclass(frozen=True, slots=True)
class NewStudy:
    """A study that is about to be written; the fields are those of `Study`.

    Attributes:
        decisive: the part of `resolved` that decides trials, which `hash` covers and a changed file is compared with.
    """

    name: str
    seed: int
    objective: Objective
    yaml: str
    resolved: Mapping[str, Any]
    decisive: Mapping[str, Any]
    hash: str
    backend: str
    order: Order
    lag: int
    threads: int
    description: str = ""
    deterministic: bool = True
    onednn: bool = True
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StudySummary:
    """One line about a study.

    Attributes:
        counts: trials by state; states without a trial are absent.
        epochs: finished by all trials, a promotion's parent's left out.
        planned: trials at most; None where the search backend's plan or the grid decides.
        best_value: of the complete trials, as measured; with `best_trial`, its number.
        coordinator: ``host:pid`` of the process that holds its lease, alive or not.
        resolved: the space in full.
    """

    id: int
    name: str
    description: str
    state: StudyState
    metric: str
    direction: Direction
    backend: str
    created_at: datetime
    finished_at: datetime | None
    coordinator_seconds: float
    counts: Mapping[TrialState, int]
    epochs: int
    planned: int | None
    best_value: float | None
    best_trial: int | None
    coordinator: str | None
    resolved: Mapping[str, Any] = field(repr=False)

    @property
    def ended(self) -> int:
        """How many trials have ended, invalid ones left out."""
        ended = (n for state, n in self.counts.items() if state.is_ended and state is not TrialState.INVALID)
        return sum(ended)


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch of a trial's curve.

    Attributes:
        trial: who trained it: the trial itself, or one that it continues.
        values: every metric by its stored name; NaN and infinities as measured.
    """

    epoch: int
    trial: int
    attempt: int
    seconds: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """One retraining (or kept weights) of a trial and, once finished, its scores on the test split.

    Attributes:
        epoch: whose weights were tested; None while unfinished and for an ensemble.
        metrics: ``accuracy``, ``loss``, ``f1_weighted`` and the study's own; empty without test labels.
        classes: one mapping a class: ``name, precision, recall, f1, support``.
        confusion: [true][predicted] counts.
        curve: the retraining's own epochs, metric by metric.
        repeats: how many alike have ended well, itself included, where who reads it has counted them; else 1.
    """

    id: int
    trial: int
    repeat: int
    role: str
    seed: int
    epochs: int
    epochs_done: int
    epoch: int | None
    configuration: Mapping[str, Any]
    metrics: Mapping[str, float]
    classes: Sequence[Mapping[str, Any]]
    confusion: Sequence[Sequence[int]]
    members: Sequence[Mapping[str, float]]
    seconds: float
    device: str | None
    error: str | None
    started_at: datetime
    finished_at: datetime | None
    curve: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    repeats: int = 1

    def is_like(self, other: EvaluationRecord) -> bool:
        """Whether both are repeats of one retraining: means are taken over seeds alone."""
        return (self.trial, self.role, self.configuration) == (other.trial, other.role, other.configuration)


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a study; `path` is relative to the study's artifacts folder."""

    kind: str
    path: str
    sha256: str
    size_bytes: int
    trial: int | None = None
    evaluation: int | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class PendingAction:
    """What a person asked of a running study and nobody has done yet."""

    id: int
    kind: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class StudyEvent:
    """One line of a study's log."""

    kind: str
    text: str
    data: Mapping[str, Any]
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A person's remark on a study, or on one of its trials."""

    text: str
    trial: int | None
    written_at: datetime
