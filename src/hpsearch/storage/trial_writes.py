"""Writes of trials, attempts and epochs: the hot path, a few prepared statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, insert, update
from sqlalchemy.dialects.sqlite import insert as insert_or_replace

from hpsearch.storage.columns import now, split_number, split_parameter
from hpsearch.storage.models import AttemptRow, EpochRow, EpochValueRow, TrialParameterRow, TrialRow, table_of
from hpsearch.storage.prepared import Prepared
from hpsearch.storage.study_writes import KnownTrial, StudyWrites
from hpsearch.study import LEGAL_MOVES, AttemptOutcome, Trial, TrialState

# tables, not mapped classes: statements of the latter cost several times as much to run
_TRIALS, _PARAMETERS = table_of(TrialRow), table_of(TrialParameterRow)
_ATTEMPTS, _VALUES, _EPOCHS = table_of(AttemptRow), table_of(EpochValueRow), table_of(EpochRow)


def _insert(table: Table) -> Prepared:
    return Prepared(insert(table), [column.name for column in table.columns if column.name != "id"])


def _insert_or_replace(table: Table, key: Sequence[str]) -> Prepared:
    new = insert_or_replace(table)
    names = [column.name for column in table.columns if column.name != "id"]
    changed = {name: new.excluded[name] for name in names if name not in key}
    return Prepared(new.on_conflict_do_update(index_elements=key, set_=changed), names)


_INSERT_TRIAL, _INSERT_PARAMETERS = _insert(_TRIALS), _insert(_PARAMETERS)
_INSERT_ATTEMPT = _insert(_ATTEMPTS)
_WRITE_VALUES = _insert_or_replace(_VALUES, ["trial_id", "metric", "epoch"])
_WRITE_EPOCHS = _insert_or_replace(_EPOCHS, ["trial_id", "epoch"])
_DROP_OLDER = [
    Prepared(
        delete(table).where(
            table.c.trial_id == bindparam("trial"),
            table.c.epoch >= bindparam("first"),
            table.c.attempt < bindparam("number"),
        ),
        ["trial", "first", "number"],
    )
    for table in (_VALUES, _EPOCHS)
]
_NOT_ENDED = dict.fromkeys(("ended_at", "outcome", "error", "peak_memory_bytes"))
_PROGRESS = frozenset(
    [
        "epochs_done",
        "value",
        "last_value",
        "best_epoch",
        "model_parameters",
        "seconds",
        "error_kind",
        "error",
        "backend_state",
    ]
)


class TrialWrites(StudyWrites):
    """Trials, their attempts and epochs. Trials are named by their number, attempts by theirs.

    All but new trials is gathered, and written together by `flush`: a row that a transaction changes ten times is
    written once.
    """

    def __init__(self, connection: Connection, study_id: int, trials: dict[int, KnownTrial]) -> None:
        super().__init__(connection, study_id, trials)
        self._new: dict[Prepared, list[dict[str, Any]]] = {}  # rows, by the statement that writes them
        # changes of rows: of an attempt by (trial's id, number), of a trial by its id
        self._new_attempts: dict[tuple[int, int], dict[str, Any]] = {}
        self._of_attempts: dict[tuple[int, int], dict[str, Any]] = {}
        self._of_trials: dict[int, dict[str, Any]] = {}

    def flush(self) -> None:
        """Write what has been gathered."""
        # an attempt ends before the trial's next one begins: a trial has at most one that is open
        self._change(
            _update_attempts,
            [{"row": row, "number": number} | changes for (row, number), changes in self._of_attempts.items()],
        )
        for statement, rows in self._new.items():
            statement.run(self._connection, *rows)
        self._change(_update_trials, [{"row": row} | changes for row, changes in self._of_trials.items()])
        self._new, self._new_attempts, self._of_attempts, self._of_trials = {}, {}, {}, {}

    def _change(self, update_of: Callable[[tuple[str, ...]], Prepared], changed: Sequence[Mapping[str, Any]]) -> None:
        alike: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
        for changes in changed:
            alike.setdefault(tuple(changes), []).append(changes)
        for names, rows in alike.items():
            update_of(names).run(self._connection, *rows)

    def _attempt(self, row: int, number: int) -> dict[str, Any]:
        """Where changes of an attempt are put: into its new row where it has not been written yet."""
        new = self._new_attempts.get((row, number))
        return new if new is not None else self._of_attempts.setdefault((row, number), {})

    def _add(self, statement: Prepared, row: dict[str, Any]) -> None:
        self._new.setdefault(statement, []).append(row)

    def add_trial(self, trial: Trial) -> None:
        """Write a proposed trial, waiting or (with its error) invalid."""
        row = {
            "study_id": self._study_id,
            "number": trial.number,
            "state": trial.state,
            "epochs": trial.epochs,
            "epochs_done": trial.epochs_done,
            "seed": trial.seed,
            "parent": trial.parent,
            "bracket": trial.bracket,
            "rung": trial.rung,
            "known": trial.known,
            "told": trial.told,
            "value": trial.value,
            "last_value": _or_none(trial.last_value),
            "best_epoch": trial.best_epoch,
            "model_parameters": trial.model_parameters,
            "seconds": trial.seconds,
            "error_kind": trial.error_kind,
            "error": trial.error,
            "backend_state": dict(trial.backend_state),
            "created_at": trial.created_at or now(),
            "started_at": trial.started_at,
            "ended_at": trial.ended_at or (now() if trial.state.is_ended else None),
        }
        key = int(_INSERT_TRIAL.run(self._connection, row).lastrowid)
        for name, value in trial.parameters.items():
            self._add(_INSERT_PARAMETERS, {"trial_id": key, "name": name} | split_parameter(value))
        self._trials[trial.number] = KnownTrial(key, trial.state, trial.started_at)

    def start_attempt(self, trial: int, worker: str, host: str, device: str, from_epoch: int = 0) -> int:
        """Note that a worker begins the trial at a checkpoint of `from_epoch` epochs; the attempt's number, from 1."""
        known = self._known(trial)
        if known.open_attempt is not None:
            raise ValueError(f"attempt {known.open_attempt} at trial {trial} has not ended")
        attempt = known.attempts + 1
        row = {
            "trial_id": known.id,
            "attempt": attempt,
            "worker": worker,
            "host": host,
            "device": device,
            "from_epoch": from_epoch,
            "started_at": now(),
            **_NOT_ENDED,
        }
        self._add(_INSERT_ATTEMPT, row)
        self._new_attempts[known.id, attempt] = row
        known.attempts = known.open_attempt = attempt
        return attempt

    def update_attempt(self, trial: int, attempt: int, *, worker: str, host: str, device: str) -> None:
        """Correct who runs an attempt, once the worker itself has said so."""
        self._attempt(self._known(trial).id, attempt).update(worker=worker, host=host, device=device)

    def end_attempt(
        self,
        trial: int,
        attempt: int,
        outcome: AttemptOutcome,
        error: str | None = None,
        peak_memory_bytes: int | None = None,
    ) -> bool:
        """Close an attempt. False, and nothing written, where it is closed already."""
        known = self._known(trial)
        if known.open_attempt != attempt:
            return False
        self._attempt(known.id, attempt).update(
            ended_at=now(), outcome=outcome, error=error, peak_memory_bytes=peak_memory_bytes
        )
        known.open_attempt = None
        return True

    def record_epoch(self, trial: int, attempt: int, epoch: int, values: Mapping[str, float], seconds: float) -> bool:
        """Write one epoch's metrics as measured, NaN and infinities too, and how long it took.

        What an earlier attempt wrote for this epoch and later ones goes: it lies beyond the checkpoint that this
        attempt started from. False, and nothing written, where the attempt has been closed: a late message.
        """
        known = self._known(trial)
        if known.open_attempt != attempt:
            return False
        if attempt > 1:
            self.flush()
            for statement in _DROP_OLDER:
                statement.run(self._connection, {"trial": known.id, "first": epoch, "number": attempt})
        place = {"trial_id": known.id, "attempt": attempt, "epoch": epoch}
        for metric, number in values.items():
            value, kind = split_number(number)
            self._add(_WRITE_VALUES, {**place, "metric": metric, "value": value, "kind": kind})
        self._add(_WRITE_EPOCHS, {**place, "seconds": seconds, "finished_at": now()})
        return True

    def move(self, trial: int, state: TrialState, **fields: Any) -> None:
        """Move a trial to `state` and set `fields`. ValueError for a move that is not legal.

        Fields: epochs_done, value, last_value, best_epoch, model_parameters, seconds, error_kind, error,
        backend_state.
        """
        known = self._known(trial)
        if state not in LEGAL_MOVES[known.state]:
            raise ValueError(f"trial {trial} cannot go from {known.state} to {state}")
        times: dict[str, Any] = {}
        if state is TrialState.RUNNING:
            times["started_at"] = known.started_at = known.started_at or now()
        if state.is_ended:
            times["ended_at"] = now()
        self._set(known, _checked(fields) | times | {"state": state})
        known.state = state

    def progress(self, trial: int, **fields: Any) -> None:
        """Set fields of a trial that has not ended; the same ones as `move` takes."""
        known = self._known(trial)
        if known.state.is_ended:
            raise ValueError(f"trial {trial} is {known.state}: its row is not written again")
        self._set(known, _checked(fields))

    def tell(self, trial: int, place: int) -> None:
        """Note that the search backend has been told of a trial, as the one at `place` (from 0)."""
        self._set(self._known(trial), {"told": place})

    def _set(self, known: KnownTrial, values: dict[str, Any]) -> None:
        self._of_trials.setdefault(known.id, {}).update(values)


@cache
def _update_trials(names: tuple[str, ...]) -> Prepared:
    return _update(_TRIALS, _TRIALS.c.id == bindparam("row"), names)


@cache
def _update_attempts(names: tuple[str, ...]) -> Prepared:
    this = and_(_ATTEMPTS.c.trial_id == bindparam("row"), _ATTEMPTS.c.attempt == bindparam("number"))
    return _update(_ATTEMPTS, this, names)


def _update(table: Table, which: ColumnElement[bool], names: Sequence[str]) -> Prepared:
    changed: dict[str, Any] = {name: bindparam(name) for name in names if name in table.c}
    return Prepared(update(table).where(which).values(changed), names)


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = fields.keys() - _PROGRESS
    if unknown:
        raise TypeError(f"a trial has no such fields: {', '.join(sorted(unknown))}")
    if "last_value" in fields:
        fields["last_value"] = _or_none(fields["last_value"])
    if "backend_state" in fields:
        fields["backend_state"] = dict(fields["backend_state"])
    return fields


def _or_none(value: float | None) -> float | None:
    """`value`, or None for NaN, which a plain column cannot hold; `epoch_values` has it as measured."""
    return None if value is None or value != value else value
