"""Writes of trials, attempts and epochs: the hot path, a few prepared statements."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Update, and_, bindparam, delete, insert, update
from sqlalchemy.dialects.sqlite import insert as insert_or_replace

from hpsearch.storage.columns import now, split_number, split_parameter
from hpsearch.storage.models import AttemptRow, EpochRow, EpochValueRow, TrialParameterRow, TrialRow, table_of
from hpsearch.storage.study_writes import KnownTrial, StudyWrites, inserted_id
from hpsearch.study import LEGAL_MOVES, AttemptOutcome, Trial, TrialState

# tables, not mapped classes: statements of the latter cost several times as much to run
_TRIALS, _PARAMETERS = table_of(TrialRow), table_of(TrialParameterRow)
_ATTEMPTS, _VALUES, _EPOCHS = table_of(AttemptRow), table_of(EpochValueRow), table_of(EpochRow)

_INSERT_TRIAL = insert(_TRIALS)
_INSERT_PARAMETERS = insert(_PARAMETERS)
_INSERT_ATTEMPT = insert(_ATTEMPTS)
_THIS_ATTEMPT = and_(_ATTEMPTS.c.trial_id == bindparam("trial"), _ATTEMPTS.c.attempt == bindparam("number"))
_END_ATTEMPT = (
    update(_ATTEMPTS)
    .where(_THIS_ATTEMPT)
    .values({name: bindparam(name) for name in ("ended_at", "outcome", "error", "peak_memory_bytes")})
)
_CORRECT_ATTEMPT = (
    update(_ATTEMPTS).where(_THIS_ATTEMPT).values({name: bindparam(name) for name in ("worker", "host", "device")})
)
_new_value, _new_epoch = insert_or_replace(_VALUES), insert_or_replace(_EPOCHS)
_WRITE_VALUES = _new_value.on_conflict_do_update(
    index_elements=["trial_id", "metric", "epoch"],
    set_={name: _new_value.excluded[name] for name in ("attempt", "value", "kind")},
)
_WRITE_EPOCHS = _new_epoch.on_conflict_do_update(
    index_elements=["trial_id", "epoch"],
    set_={name: _new_epoch.excluded[name] for name in ("attempt", "seconds", "finished_at")},
)
_DROP_OLDER = [
    delete(table).where(
        table.c.trial_id == bindparam("trial"),
        table.c.epoch >= bindparam("first"),
        table.c.attempt < bindparam("number"),
    )
    for table in (_VALUES, _EPOCHS)
]
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

    Epochs and changes of a trial's row are gathered, and written together by `flush`: a row that a transaction
    changes ten times is written once.
    """

    def __init__(self, connection: Connection, study_id: int, trials: dict[int, KnownTrial]) -> None:
        super().__init__(connection, study_id, trials)
        self._values: list[dict[str, Any]] = []
        self._epochs: list[dict[str, Any]] = []
        self._changes: dict[int, dict[str, Any]] = {}  # by the row's id

    def flush(self) -> None:
        """Write what has been gathered."""
        if self._values:
            self._connection.execute(_WRITE_VALUES, self._values)
        if self._epochs:
            self._connection.execute(_WRITE_EPOCHS, self._epochs)
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row, changes in self._changes.items():
            alike.setdefault(tuple(sorted(changes)), []).append(changes | {"row": row})
        for columns, rows in alike.items():
            self._connection.execute(_update_trials(columns), rows)
        self._values, self._epochs, self._changes = [], [], {}

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
        key = inserted_id(self._connection.execute(_INSERT_TRIAL, row))
        if trial.parameters:
            self._connection.execute(
                _INSERT_PARAMETERS,
                [{"trial_id": key, "name": name} | split_parameter(value) for name, value in trial.parameters.items()],
            )
        self._trials[trial.number] = KnownTrial(key, trial.state, trial.started_at)

    def start_attempt(self, trial: int, worker: str, host: str, device: str, from_epoch: int = 0) -> int:
        """Note that a worker begins the trial at a checkpoint of `from_epoch` epochs; the attempt's number, from 1."""
        known = self._known(trial)
        if known.open_attempt is not None:
            raise ValueError(f"attempt {known.open_attempt} at trial {trial} has not ended")
        attempt = known.attempts + 1
        self._connection.execute(
            _INSERT_ATTEMPT,
            {
                "trial_id": known.id,
                "attempt": attempt,
                "worker": worker,
                "host": host,
                "device": device,
                "from_epoch": from_epoch,
                "started_at": now(),
            },
        )
        known.attempts = known.open_attempt = attempt
        return attempt

    def update_attempt(self, trial: int, attempt: int, *, worker: str, host: str, device: str) -> None:
        """Correct who runs an attempt, once the worker itself has said so."""
        self._connection.execute(
            _CORRECT_ATTEMPT,
            {"trial": self._known(trial).id, "number": attempt, "worker": worker, "host": host, "device": device},
        )

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
        self._connection.execute(
            _END_ATTEMPT,
            {
                "trial": known.id,
                "number": attempt,
                "ended_at": now(),
                "outcome": outcome,
                "error": error,
                "peak_memory_bytes": peak_memory_bytes,
            },
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
                self._connection.execute(statement, {"trial": known.id, "first": epoch, "number": attempt})
        place = {"trial_id": known.id, "attempt": attempt, "epoch": epoch}
        for metric, number in values.items():
            value, kind = split_number(number)
            self._values.append(place | {"metric": metric, "value": value, "kind": kind})
        self._epochs.append(place | {"seconds": seconds, "finished_at": now()})
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
        self._changes.setdefault(known.id, {}).update(values)


@cache
def _update_trials(columns: tuple[str, ...]) -> Update:
    return update(_TRIALS).where(_TRIALS.c.id == bindparam("row")).values({name: bindparam(name) for name in columns})


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
