"""Writes of a study's own row, its log, its workers; what all writes of one transaction share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, CursorResult, bindparam, func, insert, select, update

from hpsearch.errors import TrialNotFound
from hpsearch.storage.columns import now
from hpsearch.storage.models import ActionRow, AttemptRow, EventRow, StudyRow, TrialRow, WorkerRow
from hpsearch.study import Order, StudyState, TrialState

_ADD_SECONDS = (
    update(StudyRow)
    .where(StudyRow.id == bindparam("study"))
    .values(coordinator_seconds=StudyRow.coordinator_seconds + bindparam("seconds"))
)
_FIND_TRIAL = select(TrialRow.id, TrialRow.state, TrialRow.started_at).where(
    TrialRow.study_id == bindparam("study"), TrialRow.number == bindparam("number")
)
_FIND_ATTEMPTS = select(
    func.coalesce(func.max(AttemptRow.attempt), 0),
    func.max(AttemptRow.attempt).filter(AttemptRow.ended_at.is_(None)),
).where(AttemptRow.trial_id == bindparam("trial"))


@dataclass(slots=True)
class KnownTrial:
    """What the writer remembers of a trial's row."""

    id: int
    state: TrialState
    started_at: datetime | None = None
    attempts: int = 0  # so far
    open_attempt: int | None = None


class StudyWrites:
    """The writes of one transaction to one study. Trials are named by their number."""

    def __init__(self, connection: Connection, study_id: int, trials: dict[int, KnownTrial]) -> None:
        self._connection = connection
        self._study_id = study_id
        self._trials = trials

    def set_study_state(self, state: StudyState, error: str | None = None) -> None:
        """Set where the study is in its life, finished now if complete or failed; `error` says why it failed."""
        finished = now() if state in (StudyState.COMPLETE, StudyState.FAILED) else None
        self._update_study(state=state, error=error, finished_at=finished)

    def update_study(
        self,
        event: str,
        *,
        description: str | None = None,
        yaml: str | None = None,
        resolved: dict[str, Any] | None = None,
        decisive: dict[str, Any] | None = None,
        order: Order | None = None,
        lag: int | None = None,
    ) -> None:
        """Write a change that a study allows (description, limits, retrain, more trials, lag), with its event."""
        given = {
            "description": description,
            "yaml": yaml,
            "resolved": resolved,
            "decisive": decisive,
            "order": order,
            "lag": lag,
        }
        changes = {name: value for name, value in given.items() if value is not None}
        if changes:
            self._update_study(**changes)
        self.add_event("changed", event)

    def add_seconds(self, seconds: float) -> None:
        """Add time that the coordinator ran."""
        self._connection.execute(_ADD_SECONDS, {"study": self._study_id, "seconds": seconds})

    def add_event(self, kind: str, text: str, data: dict[str, Any] | None = None) -> None:
        """Append a line to the study's log."""
        self._connection.execute(
            insert(EventRow),
            {"study_id": self._study_id, "kind": kind, "text": text, "data": data or {}, "happened_at": now()},
        )

    def mark_done(self, action: int) -> None:
        """Note that a person's action has been carried out."""
        self._connection.execute(
            update(ActionRow).where(ActionRow.study_id == self._study_id, ActionRow.id == action).values(done_at=now())
        )

    def add_worker(self, name: str, host: str, device: str, pid: int | None = None) -> None:
        """Note that a worker has started."""
        row = {"study_id": self._study_id, "name": name, "host": host, "pid": pid, "device": device}
        self._connection.execute(insert(WorkerRow), row | {"started_at": now()})

    def end_workers(self, name: str | None = None) -> None:
        """Note that the worker of that name has ended, or all that had not."""
        ended = update(WorkerRow).where(WorkerRow.study_id == self._study_id, WorkerRow.ended_at.is_(None))
        if name is not None:
            ended = ended.where(WorkerRow.name == name)
        self._connection.execute(ended.values(ended_at=now()))

    def _update_study(self, **values: Any) -> None:
        self._connection.execute(update(StudyRow).where(StudyRow.id == self._study_id).values(**values))

    def _known(self, trial: int) -> KnownTrial:
        known = self._trials.get(trial)
        if known is None:
            row = self._connection.execute(_FIND_TRIAL, {"study": self._study_id, "number": trial}).one_or_none()
            if row is None:
                raise TrialNotFound(f"The study has no trial {trial}.")
            attempts, open_attempt = self._connection.execute(_FIND_ATTEMPTS, {"trial": row.id}).one()
            known = self._trials[trial] = KnownTrial(*row, attempts, open_attempt)
        return known


def inserted_id(result: CursorResult[Any]) -> int:
    """The id of the row that an insert has made."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])
