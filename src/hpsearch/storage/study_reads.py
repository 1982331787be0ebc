"""Reads of studies, their log and what people asked of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, case, func, select

from hpsearch.errors import StudyNotFound
from hpsearch.storage.connection import file_of
from hpsearch.storage.models import (
    ActionRow,
    AttemptRow,
    EpochRow,
    EvaluationEpochRow,
    EvaluationRow,
    EventRow,
    NoteRow,
    StudyRow,
    TrialRow,
)
from hpsearch.storage.records import Note, PendingAction, StudyEvent, StudySummary
from hpsearch.study import Direction, Objective, Study, TrialState

_SHOWN_NAMES = 10


class StudyReads:
    """Each call reads in a short transaction of its own: an open one would let the write-ahead log grow.

    `one_moment` is for those that need several reads of the same state.
    """

    def __init__(self, path: Path, reader: Engine) -> None:
        self.path = path
        self._reader = reader
        self._moment: Connection | None = None

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """Within it every read sees the database as the first one did, whatever others write meanwhile.

        For a page or a table, made soon: the write-ahead log grows until it ends. Not for several threads.
        """
        if self._moment is not None:
            yield
            return
        with self._reader.connect() as connection:
            self._moment = connection
            try:
                yield
            finally:
                self._moment = None

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        if self._moment is not None:
            yield self._moment
            return
        with self._reader.connect() as connection:
            yield connection

    def study(self, name: str) -> Study:
        """The study of that name. StudyNotFound names the ones that exist, the nearest first."""
        with self._read() as connection:
            row = connection.execute(select(StudyRow.__table__).where(StudyRow.name == name)).one_or_none()
            if row is None:
                raise self._not_found(name, connection.execute(select(StudyRow.name)).scalars())
        return _study(row)

    def has_study(self, name: str) -> bool:
        """Whether a study of that name exists."""
        with self._read() as connection:
            return connection.execute(select(StudyRow.id).where(StudyRow.name == name)).first() is not None

    def decisive(self, study_id: int) -> Mapping[str, Any]:
        """The part of the resolved file that decides trials, as it was when the study was created."""
        with self._read() as connection:
            found: Mapping[str, Any] = connection.execute(
                select(StudyRow.decisive).where(StudyRow.id == study_id)
            ).scalar_one()
        return found

    def studies(self) -> list[StudySummary]:
        """One summary a study, the oldest first."""
        with self._read() as connection:
            return _summaries(connection)

    def counts(self, study_id: int) -> dict[TrialState, int]:
        """Trials by state; states without a trial are absent."""
        statement = select(TrialRow.state, func.count()).where(TrialRow.study_id == study_id)
        with self._read() as connection:
            rows = connection.execute(statement.group_by(TrialRow.state)).all()
        return {row[0]: row[1] for row in rows}

    def stamp(self, study_id: int) -> tuple[object, ...]:
        """Something that is another whenever the study's rows or the database's file are; quick, whatever the size.

        While somebody has the study's lease, rows of others may change it too.
        """
        with self._read() as connection:
            state, finished_at, name, token = connection.execute(
                select(StudyRow.state, StudyRow.finished_at, StudyRow.name, StudyRow.lease_token).where(
                    StudyRow.id == study_id
                )
            ).one()
            counts = connection.execute(
                select(TrialRow.state, func.count()).where(TrialRow.study_id == study_id).group_by(TrialRow.state)
            ).all()
            watched = [EventRow.id, NoteRow.id, EvaluationRow.id]
            if token is not None:  # a search, or a retrain of a complete study
                watched += [EpochRow.id, AttemptRow.id, EvaluationEpochRow.id]
            last = [connection.execute(select(func.max(id))).scalar() for id in watched]
        by_state = sorted((s.value, n) for s, n in counts)
        return (file_of(self.path), name, state.value, str(finished_at), *by_state, *last)

    def own_epochs(self, study_id: int) -> int:
        """Epochs finished by all trials, those of the parents that they continue left out."""
        with self._read() as connection:
            return _own_epochs(connection, study_id).get(study_id, 0)

    def summary(self, name: str) -> StudySummary:
        """The summary of one study."""
        study = self.study(name)
        with self._read() as connection:
            return _summaries(connection, study.id)[0]

    def events(self, study_id: int) -> list[StudyEvent]:
        """The study's log, oldest first."""
        columns = (EventRow.kind, EventRow.text, EventRow.data, EventRow.happened_at)
        with self._read() as connection:
            rows = connection.execute(select(*columns).where(EventRow.study_id == study_id).order_by(EventRow.id))
            return [StudyEvent(*row) for row in rows]

    def notes(self, study_id: int) -> list[Note]:
        """People's remarks on a study and its trials, oldest first."""
        with self._read() as connection:
            rows = connection.execute(
                select(NoteRow.text, TrialRow.number, NoteRow.written_at)
                .outerjoin(TrialRow, TrialRow.id == NoteRow.trial_id)
                .where(NoteRow.study_id == study_id)
                .order_by(NoteRow.id)
            )
            return [Note(*row) for row in rows]

    def pending_actions(self, study_id: int) -> list[PendingAction]:
        """What people have asked and nobody has done, oldest first."""
        with self._read() as connection:
            rows = connection.execute(
                select(ActionRow.id, ActionRow.kind, ActionRow.requested_at)
                .where(ActionRow.study_id == study_id, ActionRow.done_at.is_(None))
                .order_by(ActionRow.id)
            )
            return [PendingAction(id, kind.value, requested_at) for id, kind, requested_at in rows]

    def _not_found(self, name: str, existing: Iterable[str]) -> StudyNotFound:
        return StudyNotFound(f"There is no study {name!r} in {self.path}: {_named(name, list(existing))}")


def _named(name: str, existing: list[str]) -> str:
    if not existing:
        return "it holds no study yet."
    nearest = difflib.get_close_matches(name, existing, n=_SHOWN_NAMES, cutoff=0.5)
    ordered = nearest + sorted(other for other in existing if other not in nearest)
    more = len(ordered) - _SHOWN_NAMES
    shown = ", ".join(ordered[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
    return f"it holds {shown}."


def _study(row: Row[Any]) -> Study:
    return Study(
        id=row.id,
        name=row.name,
        description=row.description,
        state=row.state,
        seed=row.seed,
        objective=Objective(row.metric, row.direction),
        yaml=row.yaml,
        resolved=row.resolved,
        hash=row.hash,
        backend=row.backend,
        order=row.order,
        lag=row.lag,
        threads=row.threads,
        deterministic=row.deterministic,
        onednn=row.onednn,
        versions=row.versions,
        created_at=row.created_at,
        finished_at=row.finished_at,
        coordinator_seconds=row.coordinator_seconds,
        error=row.error,
    )


def _summaries(connection: Connection, study_id: int | None = None) -> list[StudySummary]:
    """Of one study or of all, the oldest first: a few statements, however many studies there are."""
    own = [StudyRow.id == study_id] if study_id is not None else []
    its = [TrialRow.study_id == study_id] if study_id is not None else []
    rows = connection.execute(select(StudyRow.__table__).where(*own).order_by(StudyRow.id)).all()
    counts: dict[int, dict[TrialState, int]] = {row.id: {} for row in rows}
    statement = select(TrialRow.study_id, TrialRow.state, func.count()).where(*its)
    for id, state, count in connection.execute(statement.group_by(TrialRow.study_id, TrialRow.state)):
        counts.setdefault(id, {})[state] = count
    epochs = _own_epochs(connection, study_id)
    best = connection.execute(
        select(TrialRow.study_id, TrialRow.value, TrialRow.number)
        .join(StudyRow, TrialRow.id == _BEST_TRIAL)
        .where(*own)
    ).all()
    best_of = {id: (value, number) for id, value, number in best}
    return [_summary(row, counts[row.id], epochs.get(row.id, 0), *best_of.get(row.id, (None, None))) for row in rows]


def _first_complete(order: Any) -> Any:
    """The id of a study's complete trial that comes first, ties to the lower number."""
    ordered = select(TrialRow.id).where(TrialRow.study_id == StudyRow.id, TrialRow.state == TrialState.COMPLETE)
    return ordered.order_by(order, TrialRow.number).limit(1).correlate(StudyRow).scalar_subquery()


_BEST_TRIAL = case(
    (StudyRow.direction == Direction.MAXIMIZE, _first_complete(TrialRow.value.desc())),
    else_=_first_complete(TrialRow.value),
)


def _summary(
    row: Row[Any], counts: Mapping[TrialState, int], epochs: int, best_value: float | None, best_trial: int | None
) -> StudySummary:
    search = row.resolved.get("search")
    planned = search.get("max_trials") if isinstance(search, dict) else None
    return StudySummary(
        id=row.id,
        name=row.name,
        description=row.description,
        state=row.state,
        metric=row.metric,
        direction=row.direction,
        backend=row.backend,
        created_at=row.created_at,
        finished_at=row.finished_at,
        coordinator_seconds=row.coordinator_seconds,
        counts=counts,
        epochs=epochs,
        planned=planned,
        best_value=best_value,
        best_trial=best_trial,
        coordinator=None if row.lease_token is None else f"{row.lease_host}:{row.lease_pid}",
        resolved=row.resolved,
    )


def _own_epochs(connection: Connection, study_id: int | None) -> dict[int, int]:
    """By study the epochs that its trials trained themselves; of one, or of all that have trials."""
    parents = TrialRow.__table__.alias("parents")
    own = TrialRow.epochs_done - func.coalesce(parents.c.epochs_done, 0)
    joined = (parents.c.study_id == TrialRow.study_id) & (parents.c.number == TrialRow.parent)
    statement = select(TrialRow.study_id, func.sum(func.max(own, 0))).outerjoin(parents, joined)
    if study_id is not None:
        statement = statement.where(TrialRow.study_id == study_id)
    return {id: int(epochs) for id, epochs in connection.execute(statement.group_by(TrialRow.study_id))}
