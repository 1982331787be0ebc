"""Reads of trials, their attempts and curves: ten thousand trials in about a second."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, and_, exists, func, literal, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, aliased
from sqlalchemy.types import NullType

from hpsearch.errors import ConfigError, TrialNotFound
from hpsearch.storage.columns import join_number, join_parameter, now
from hpsearch.storage.models import (
    AttemptRow,
    EpochRow,
    EpochValueRow,
    StudyRow,
    TrialParameterRow,
    TrialRow,
    WorkerRow,
)
from hpsearch.storage.records import EpochRecord
from hpsearch.storage.study_reads import StudyReads
from hpsearch.study import Attempt, AttemptOutcome, Direction, ErrorKind, Parameters, ParameterValue, Trial, TrialState

Rows = Select[*tuple[Any, ...]]

_CONVERTED = ("state", "error_kind", "backend_state", "created_at", "started_at", "ended_at")
_PLAIN = tuple(c.name for c in TrialRow.__table__.columns if c.name not in ("id", "study_id", *_CONVERTED))
_TRIAL_COLUMNS = [
    TrialRow.__table__.c.id,
    *(TrialRow.__table__.c[name] for name in _PLAIN),
    *(type_coerce(TrialRow.__table__.c[name], NullType) for name in _CONVERTED),
]
_STATES = {state.value: state for state in TrialState}
_ERROR_KINDS = {kind.value: kind for kind in ErrorKind}
_SORTABLE = tuple(
    column.name for column in TrialRow.__table__.columns if column.name not in ("id", "study_id", "backend_state")
)
_MISHAPS = [outcome for outcome in AttemptOutcome if outcome.value in _ERROR_KINDS]
_OPEN_STATES = [state for state in TrialState if not state.is_ended]
_FEW = 500  # so many trials are named one by one in a query for their parameters
# untyped: SQLite gives each value back as it was written, only a boolean as 0 or 1
_PARAMETER_VALUE: ColumnElement[Any] = func.coalesce(
    *(
        type_coerce(column, NullType)
        for column in (
            TrialParameterRow.value_text,
            TrialParameterRow.value_integer,
            TrialParameterRow.value_float,
            TrialParameterRow.value_boolean,
        )
    ),
    type_=NullType,
)
_PARAMETERS: Rows = select(
    TrialParameterRow.trial_id, TrialParameterRow.name, type_coerce(TrialParameterRow.kind, String), _PARAMETER_VALUE
).order_by(TrialParameterRow.id)


class TrialReads(StudyReads):
    """Trials are named by their number within the study."""

    def trials(
        self,
        study_id: int,
        *,
        with_values: str | None = None,
        states: Collection[TrialState] | None = None,
        limit: int | None = None,
        offset: int = 0,
        sort: str | None = None,
    ) -> list[Trial]:
        """The study's trials in number order.

        Args:
            with_values: metric whose values by own epoch come along as `Trial.values`.
            states: only trials in one of these.
            limit: at most so many, the first ones in the order of `sort`.
            offset: how many of the first ones are left out.
            sort: a column or a parameter; ``-column`` for the largest first. What has none comes last.
                ConfigError names the columns that there are.
        """
        with self._read() as connection:
            statement = select(*_TRIAL_COLUMNS).where(TrialRow.study_id == study_id)
            if states is not None:
                statement = statement.where(TrialRow.state.in_(states))
            statement = _sorted(connection, statement, study_id, sort).limit(limit).offset(offset or None)
            return _trials(connection, study_id, connection.execute(statement).all(), with_values)

    def trial_columns(
        self, study_id: int, names: Sequence[str]
    ) -> tuple[dict[str, list[Any]], dict[str, list[ParameterValue]]]:
        """Columns of all trials in number order, and one a parameter: NaN where it is inactive, None where it is null.

        Values are as SQLite keeps them: states and kinds as texts, instants as texts in UTC. Of ten thousand trials it
        is several times quicker than `trials`, and for whoever wants columns anyway.
        """
        row = TrialRow.__table__.c
        statement = (
            select(row.id, *(type_coerce(row[name], NullType) for name in names))
            .where(row.study_id == study_id)
            .order_by(row.number)
        )
        with self._read() as connection:
            found = connection.execute(statement).all()
            values = connection.execute(
                _of(_PARAMETERS, TrialParameterRow.trial_id, study_id, [each[0] for each in found])
            ).all()
        columns: dict[str, list[Any]] = {name: [] for name in names}
        if found:
            _, *turned = zip(*found, strict=True)
            columns = {name: list(column) for name, column in zip(names, turned, strict=True)}
        place = {each[0]: position for position, each in enumerate(found)}
        parameters: dict[str, list[ParameterValue]] = {}
        for trial_id, name, kind, value in values:
            if name not in parameters:
                parameters[name] = [math.nan] * len(found)
            parameters[name][place[trial_id]] = join_parameter(kind, value)
        return columns, parameters

    def trial(self, study_id: int, number: int, *, with_values: str | None = None) -> Trial:
        """One trial. TrialNotFound says which numbers there are."""
        with self._read() as connection:
            statement = select(*_TRIAL_COLUMNS).where(TrialRow.study_id == study_id, TrialRow.number == number)
            rows = connection.execute(statement).all()
            if not rows:
                last = connection.execute(
                    select(func.max(TrialRow.number)).where(TrialRow.study_id == study_id)
                ).scalar()
                held = "has no trials yet" if last is None else f"has trials 0 to {last}"
                raise TrialNotFound(f"There is no trial {number}: the study {held}.")
            return _trials(connection, study_id, rows, with_values)[0]

    def best_trials(self, study_id: int, limit: int | None = 1) -> list[Trial]:
        """The complete trials with the best values, best first, ties to the lower number."""
        with self._read() as connection:
            direction = connection.execute(select(StudyRow.direction).where(StudyRow.id == study_id)).scalar_one()
            value = TrialRow.value.desc() if direction is Direction.MAXIMIZE else TrialRow.value
            statement = (
                select(*_TRIAL_COLUMNS)
                .where(TrialRow.study_id == study_id, TrialRow.state == TrialState.COMPLETE)
                .order_by(value, TrialRow.number)
                .limit(limit)
            )
            return _trials(connection, study_id, connection.execute(statement).all(), None)

    def epochs(self, study_id: int, number: int) -> list[EpochRecord]:
        """A trial's whole curve from epoch 1, the epochs of those that it continues first."""
        with self._read() as connection:
            lineage = _lineage(connection, study_id, number)
            values: dict[tuple[int, int], dict[str, float]] = {}
            for trial_id, epoch, metric, value, kind in connection.execute(
                select(
                    EpochValueRow.trial_id,
                    EpochValueRow.epoch,
                    EpochValueRow.metric,
                    EpochValueRow.value,
                    EpochValueRow.kind,
                )
                .where(EpochValueRow.trial_id.in_(lineage))
                .order_by(EpochValueRow.id)
            ):
                values.setdefault((trial_id, epoch), {})[metric] = join_number(value, kind)
            rows = connection.execute(
                select(EpochRow)
                .with_only_columns(EpochRow.trial_id, EpochRow.epoch, EpochRow.attempt, EpochRow.seconds)
                .where(EpochRow.trial_id.in_(lineage))
                .order_by(EpochRow.epoch)
            ).all()
        return [
            EpochRecord(row.epoch, lineage[row.trial_id], row.attempt, row.seconds, values[row.trial_id, row.epoch])
            for row in rows
        ]

    def attempts(self, study_id: int, number: int | None = None, *, of_ended: bool = True) -> list[Attempt]:
        """The attempts at one trial, or at all of the study's, in the order of trials and attempts.

        Without `of_ended` only those at trials that have not ended.
        """
        columns = [column for column in AttemptRow.__table__.columns if column.name not in ("id", "trial_id")]
        statement = (
            select(TrialRow.number.label("trial"), *columns)
            .join(AttemptRow, AttemptRow.trial_id == TrialRow.id)
            .where(TrialRow.study_id == study_id)
            .order_by(TrialRow.number, AttemptRow.attempt)
        )
        if number is not None:
            statement = statement.where(TrialRow.number == number)
        if not of_ended:
            statement = statement.where(TrialRow.state.in_(_OPEN_STATES))
        with self._read() as connection:
            return [Attempt(**row) for row in connection.execute(statement).mappings()]

    def last_fruitful_attempts(self, study_id: int) -> dict[int, int]:
        """By trial that has not ended: the number of its last attempt that finished an epoch."""
        statement = (
            select(TrialRow.number, func.max(EpochRow.attempt))
            .join(EpochRow, EpochRow.trial_id == TrialRow.id)
            .where(TrialRow.study_id == study_id, TrialRow.state.in_(_OPEN_STATES))
            .group_by(TrialRow.number)
        )
        with self._read() as connection:
            return {number: attempt for number, attempt in connection.execute(statement)}  # noqa: C416  # dict() of rows has no types

    def workers_with(self, study_id: int, outcomes: Collection[AttemptOutcome], host: str) -> list[str]:
        """Names of the workers on `host` of whose attempts one ended so."""
        statement = (
            select(AttemptRow.worker)
            .distinct()
            .join(TrialRow, TrialRow.id == AttemptRow.trial_id)
            .where(TrialRow.study_id == study_id, AttemptRow.host == host, AttemptRow.outcome.in_(outcomes))
        )
        with self._read() as connection:
            return list(connection.execute(statement).scalars())

    def epoch_seconds(self, study_id: int) -> list[tuple[int, int, float]]:
        """(trial, epoch, seconds) of every epoch that a trial trained itself."""
        statement = (
            select(TrialRow.number, EpochRow.epoch, EpochRow.seconds)
            .join(EpochRow, EpochRow.trial_id == TrialRow.id)
            .where(TrialRow.study_id == study_id)
            .order_by(TrialRow.number, EpochRow.epoch)
        )
        with self._read() as connection:
            return [(trial, epoch, seconds) for trial, epoch, seconds in connection.execute(statement).all()]

    def epoch_values(self, study_id: int, numbers: Collection[int] | None = None) -> list[tuple[int, int, str, float]]:
        """(trial, epoch, metric, value) of every epoch that a trial trained itself, as measured.

        With `numbers` only of those trials.
        """
        row = EpochValueRow
        statement = (
            select(TrialRow.number, row.epoch, row.metric, row.value, type_coerce(row.kind, String))
            .join(row, row.trial_id == TrialRow.id)
            .where(TrialRow.study_id == study_id)
            .order_by(row.id)
        )
        if numbers is not None:
            statement = statement.where(TrialRow.number.in_(numbers))
        with self._read() as connection:
            return [
                (trial, epoch, metric, join_number(value, kind))
                for trial, epoch, metric, value, kind in connection.execute(statement).all()
            ]

    def lineages(self, study_id: int, numbers: Iterable[int]) -> dict[int, list[int]]:
        """For each of those trials that exist: its number, then those that it continues, the nearest first."""
        parents: dict[int, int | None] = {}
        asked = list(dict.fromkeys(numbers))
        wanted = set(asked)
        with self._read() as connection:
            while wanted:
                statement = select(TrialRow.number, TrialRow.parent).where(
                    TrialRow.study_id == study_id, TrialRow.number.in_(wanted)
                )
                found = {number: parent for number, parent in connection.execute(statement)}  # noqa: C416  # dict() of rows has no types
                parents |= found
                wanted = {parent for parent in found.values() if parent is not None} - parents.keys()
        lineages: dict[int, list[int]] = {}
        for number in asked:
            lineage: list[int] = []
            place: int | None = number
            while place is not None and place in parents:
                lineage.append(place)
                place = parents[place]
            if lineage:
                lineages[number] = lineage
        return lineages

    def workers(self, study_id: int) -> list[tuple[str, str, str, datetime, datetime | None]]:
        """(name, host, device, started_at, ended_at) of every worker process, in the order of their starts."""
        row = WorkerRow
        statement = (
            select(row.name, row.host, row.device, row.started_at, row.ended_at)
            .where(row.study_id == study_id)
            .order_by(row.id)
        )
        with self._read() as connection:
            return [
                (name, host, device, started_at, ended_at)
                for name, host, device, started_at, ended_at in connection.execute(statement)
            ]

    def last_epochs(self, study_id: int) -> dict[tuple[int, int], datetime]:
        """By (trial, attempt) when its last epoch finished; of attempts that are open or have lost their worker.

        Where the coordinator died too, such an attempt is closed only by the next one, perhaps days later.
        """
        statement = (
            select(TrialRow.number, AttemptRow.attempt, func.max(EpochRow.finished_at))
            .join(AttemptRow, AttemptRow.trial_id == TrialRow.id)
            .join(EpochRow, (EpochRow.trial_id == AttemptRow.trial_id) & (EpochRow.attempt == AttemptRow.attempt))
            .where(
                TrialRow.study_id == study_id,
                AttemptRow.ended_at.is_(None) | (AttemptRow.outcome == AttemptOutcome.LOST),
            )
            .group_by(TrialRow.number, AttemptRow.attempt)
        )
        with self._read() as connection:
            return {(trial, attempt): finished_at for trial, attempt, finished_at in connection.execute(statement)}

    def failures(self, study_id: int) -> list[tuple[int, TrialState, ErrorKind, str]]:
        """(trial, state, error kind, error text) of every trial that has failed or was invalid, in number order."""
        row = TrialRow
        statement = (
            select(row.number, row.state, row.error_kind, func.coalesce(row.error, ""))
            .where(row.study_id == study_id, row.state.in_((TrialState.FAILED, TrialState.INVALID)))
            .order_by(row.number)
        )
        found = []
        with self._read() as connection:
            for trial, state, kind, error in connection.execute(statement):
                assert kind is not None  # the table's own check
                found.append((trial, state, kind, error))
        return found

    def retried(self, study_id: int) -> list[tuple[int, AttemptOutcome]]:
        """(trial, outcome) of every attempt whose mishap did not end its trial, in the order of trials and attempts."""
        attempt, later = AttemptRow, aliased(AttemptRow)
        ended_its_trial = and_(
            TrialRow.state == TrialState.FAILED,
            ~exists().where(later.trial_id == attempt.trial_id, later.attempt > attempt.attempt),
        )
        statement = (
            select(TrialRow.number, attempt.outcome)
            .join(attempt, attempt.trial_id == TrialRow.id)
            .where(TrialRow.study_id == study_id, attempt.outcome.in_(_MISHAPS), ~ended_its_trial)
            .order_by(TrialRow.number, attempt.attempt)
        )
        with self._read() as connection:
            found = connection.execute(statement)
            return [(trial, outcome) for trial, outcome in found if outcome is not None]  # for the type: none is

    def epochs_per_second(self, study_id: int, last: int = 50) -> float | None:
        """The pace of the study's latest epochs, up to now; None before the first."""
        statement = (
            select(EpochRow.finished_at, EpochRow.seconds)
            .join(TrialRow, TrialRow.id == EpochRow.trial_id)
            .where(TrialRow.study_id == study_id)
            .order_by(EpochRow.id.desc())
            .limit(last)
        )
        with self._read() as connection:
            epochs = connection.execute(statement).all()
        if not epochs:
            return None
        began = min(finished_at - timedelta(seconds=seconds) for finished_at, seconds in epochs)
        return len(epochs) / max(1e-3, (now() - began).total_seconds())

    def seconds_per_epoch(self, study_id: int) -> float | None:
        """How long an epoch took on average, over all trials; None before the first."""
        with self._read() as connection:
            seconds: float | None = connection.execute(
                select(func.avg(EpochRow.seconds))
                .join(TrialRow, TrialRow.id == EpochRow.trial_id)
                .where(TrialRow.study_id == study_id)
            ).scalar()
        return seconds


def _trials(connection: Connection, study_id: int, rows: Any, metric: str | None) -> list[Trial]:
    ids = [row[0] for row in rows]
    parameters = _parameters(connection, study_id, ids)
    values = {} if metric is None else _values(connection, study_id, ids, metric)
    return [_trial(row, parameters.get(row[0], {}), values.get(row[0], {})) for row in rows]


def _trial(row: Sequence[Any], parameters: Parameters, values: Mapping[int, float]) -> Trial:
    """A trial of `_TRIAL_COLUMNS`, whose types are put right here: SQLAlchemy's own take as long as the whole query."""
    _, *fields, state, error_kind, backend_state, created_at, started_at, ended_at = row
    return Trial(
        **dict(zip(_PLAIN, fields, strict=True)),
        state=_STATES[state],
        error_kind=None if error_kind is None else _ERROR_KINDS[error_kind],
        backend_state=json.loads(backend_state),
        created_at=_instant(created_at),
        started_at=_instant(started_at),
        ended_at=_instant(ended_at),
        parameters=parameters,
        values=values,
    )


def _instant(stored: str | None) -> datetime | None:
    """An instant as SQLite keeps it, which is as UTC without saying so."""
    return None if stored is None else datetime.fromisoformat(stored + "+00:00")


def _parameters(connection: Connection, study_id: int, ids: list[int]) -> dict[int, dict[str, ParameterValue]]:
    """Parameters by trial id, in the order in which they were written: the order of the file."""
    found: dict[int, dict[str, ParameterValue]] = {}
    statement = _of(_PARAMETERS, TrialParameterRow.trial_id, study_id, ids)
    for trial_id, name, kind, value in connection.execute(statement).all():
        found.setdefault(trial_id, {})[name] = join_parameter(kind, value)
    return found


def _values(connection: Connection, study_id: int, ids: list[int], metric: str) -> dict[int, dict[int, float]]:
    row = EpochValueRow
    kind = type_coerce(row.kind, String)  # hundreds of thousands of rows: no enumeration is looked up for each
    statement = select(row.trial_id, row.epoch, row.value, kind).where(row.metric == metric)
    statement = statement.order_by(row.trial_id, row.epoch)  # the order of the index: nothing is sorted
    found: dict[int, dict[int, float]] = {}
    for trial_id, epoch, value, name in connection.execute(_of(statement, row.trial_id, study_id, ids)).all():
        found.setdefault(trial_id, {})[epoch] = join_number(value, name)
    return found


def _of(statement: Rows, trial_id: InstrumentedAttribute[int], study_id: int, ids: list[int]) -> Rows:
    """`statement` for the trials of `ids`, named one by one where they are few, else for the whole study."""
    if len(ids) <= _FEW:
        return statement.where(trial_id.in_(ids))
    return statement.where(trial_id.in_(select(TrialRow.id).where(TrialRow.study_id == study_id)))


def _sorted(connection: Connection, statement: Rows, study_id: int, sort: str | None) -> Rows:
    if sort is None or sort == "number":
        return statement.order_by(TrialRow.number)
    name = sort.removeprefix("-")
    column: ColumnElement[Any]
    if name in _SORTABLE:
        column = TrialRow.__table__.c[name]
    else:
        _require_parameter(connection, study_id, name)
        column = (
            select(_PARAMETER_VALUE)
            .where(TrialParameterRow.trial_id == TrialRow.id, TrialParameterRow.name == literal(name))
            .scalar_subquery()
        )
    ordered = column.desc() if sort.startswith("-") else column.asc()
    return statement.order_by(column.is_(None), ordered, TrialRow.number)


def _require_parameter(connection: Connection, study_id: int, name: str) -> None:
    names = connection.execute(
        select(TrialParameterRow.name)
        .distinct()
        .join(TrialRow, TrialRow.id == TrialParameterRow.trial_id)
        .where(TrialRow.study_id == study_id)
    ).scalars()
    known = [*_SORTABLE, *sorted(names)]
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"the columns are {', '.join(known)}."
        raise ConfigError(f"Trials have no column {name!r} to sort by: {hint}")


def _lineage(connection: Connection, study_id: int, number: int) -> dict[int, int]:
    """Numbers by id: the trial and all that it continues."""
    found: dict[int, int] = {}
    wanted: int | None = number
    while wanted is not None:
        row = connection.execute(
            select(TrialRow.id, TrialRow.parent).where(TrialRow.study_id == study_id, TrialRow.number == wanted)
        ).one_or_none()
        if row is None:
            raise TrialNotFound(f"There is no trial {wanted} in this study.")
        found[row.id] = wanted
        wanted = row.parent
    return found
