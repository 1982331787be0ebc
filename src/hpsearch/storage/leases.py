"""The right to write a study: one coordinator at a time, known by a token, a process and a heartbeat."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from sqlalchemy import Connection, Engine, Row, bindparam, func, insert, select, update

from hpsearch.errors import HpsearchError, LeaseHeld, LeaseLost
from hpsearch.storage.columns import now
from hpsearch.storage.connection import writing_engine
from hpsearch.storage.models import ActionRow, EventRow, StudyRow
from hpsearch.storage.prepared import Prepared

HEARTBEAT_SECONDS = 10.0
SILENCE_SECONDS = 60.0  # after which a coordinator counts as dead: on another host, or stopped on this one
_START_TOLERANCE_SECONDS = 2.0  # a process's start is known to a hundredth of a second, the boot's to a second

_STANDING_STILL = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
_NOW = func.strftime("%Y-%m-%d %H:%M:%f", "now")  # the database's clock: hosts may disagree about theirs
_SILENT_FOR = (func.julianday("now") - func.julianday(StudyRow.lease_heartbeat_at)) * 86400.0

_STUDY = StudyRow.id == bindparam("study")
_TOKEN = Prepared(select(StudyRow.lease_token).where(_STUDY), ["study"])
_HOLDER = select(
    StudyRow.name,
    StudyRow.lease_token,
    StudyRow.lease_host,
    StudyRow.lease_pid,
    StudyRow.lease_process_started,
    StudyRow.lease_taken_at,
    _SILENT_FOR.label("silent_for"),
).where(_STUDY)
_LEASE_COLUMNS = ("token", "host", "pid", "process_started", "taken_at", "heartbeat_at")
_RELEASE = update(StudyRow).values({f"lease_{column}": None for column in _LEASE_COLUMNS})

logger = logging.getLogger(__name__)


class Lease:
    """A study that this process may write. As a context manager it keeps up the heartbeat, then gives the lease back.

    The heartbeat has a thread and a connection of its own, since one decision of the search may take seconds.
    """

    def __init__(self, study_id: int, token: str, engine: Engine, path: Path, *, taken_over: bool = False) -> None:
        self.study_id = study_id
        self.taken_over = taken_over  # from a coordinator that could not give it back
        self.token = token
        self._engine = engine
        self._path = path
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the heartbeat has seen another coordinator's token."""
        return self._lost.is_set()

    def require(self, connection: Connection) -> None:
        """Raise LeaseLost unless the study's token is still ours, within the transaction of `connection`."""
        held = _TOKEN.run(connection, {"study": self.study_id}).scalar()
        if held != self.token:
            self._lost.set()
            raise LeaseLost(
                "Another coordinator has taken this study over; this one has stopped and wrote nothing more."
            )

    def __enter__(self) -> Self:
        self._ended.clear()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{self.study_id}", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Stop the heartbeat and give the study back; nothing where another coordinator has it by now."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._engine.begin() as connection:
            connection.execute(_RELEASE.where(StudyRow.id == self.study_id, StudyRow.lease_token == self.token))

    def _beat(self) -> None:
        engine = writing_engine(self._path, pooled=False)
        beat = (
            update(StudyRow)
            .where(StudyRow.id == self.study_id, StudyRow.lease_token == self.token)
            .values(lease_heartbeat_at=_NOW)
        )
        while not self._ended.wait(HEARTBEAT_SECONDS):
            try:
                with engine.begin() as connection:
                    if connection.execute(beat).rowcount == 0:
                        self._lost.set()
                        return
            except HpsearchError as error:  # locked for long, or a full disk: the next beat may get through
                logger.warning("no heartbeat: %s", error)


def claim(engine: Engine, path: Path, study_id: int) -> Lease:
    """Take the lease of a study. LeaseHeld where a living coordinator has it.

    One whose process is gone from this host (its pid, and the moment it started) is taken over at once, one on
    another host, or one that is there but does nothing any more (SIGSTOP), after `SILENCE_SECONDS` without a heartbeat.
    Should it go on after all, its first write finds another's token.
    """
    token = secrets.token_hex(16)
    with engine.begin() as connection:
        row = connection.execute(_HOLDER, {"study": study_id}).one()
        if row.lease_token is not None:
            _require_dead(row)
            connection.execute(_event(study_id, row))
        connection.execute(
            update(StudyRow)
            .where(StudyRow.id == study_id)
            .values(
                lease_token=token,
                lease_host=socket.gethostname(),
                lease_pid=os.getpid(),
                lease_process_started=_started(psutil.Process()),
                lease_taken_at=now(),
                lease_heartbeat_at=_NOW,
            )
        )
        # what was asked of an earlier coordinator is not meant for this one
        pending = update(ActionRow).where(ActionRow.study_id == study_id, ActionRow.done_at.is_(None))
        connection.execute(pending.values(done_at=now()))
    return Lease(study_id, token, engine, path, taken_over=row.lease_token is not None)


def require_free(connection: Connection, study_id: int) -> None:
    """Raise LeaseHeld where a living coordinator has the study, within the transaction of `connection`."""
    row = connection.execute(_HOLDER, {"study": study_id}).one()
    if row.lease_token is not None:
        _require_dead(row)


def _require_dead(row: Row[Any]) -> None:
    if row.lease_host == socket.gethostname():
        state = _state(row.lease_pid, row.lease_process_started)
        # a clock that is set forward makes a heartbeat look old, so silence alone proves nothing here
        dead = state is None or (state in _STANDING_STILL and row.silent_for > SILENCE_SECONDS)
    else:
        dead = row.silent_for > SILENCE_SECONDS
    if not dead:
        since = f"{row.lease_taken_at:%Y-%m-%d %H:%M:%S} UTC"
        raise LeaseHeld(
            f"Study {row.name} is being run by process {row.lease_pid} on {row.lease_host} since {since}:"
            f" wait for it, or stop it with `hpsearch stop --study {row.name}`."
        )


def _state(pid: int, started: float) -> str | None:
    """What the process does; None where it has ended, and perhaps another one has its pid."""
    try:
        process = psutil.Process(pid)
        state = str(process.status())
        if abs(_started(process) - started) > _START_TOLERANCE_SECONDS or state == psutil.STATUS_ZOMBIE:
            return None  # a zombie has ended, only its parent has not yet collected it
        return state
    except psutil.NoSuchProcess:
        return None


def _started(process: psutil.Process) -> float:
    """Seconds from the host's boot to the start of a process: a difference that no setting of the clock changes."""
    return float(process.create_time() - psutil.boot_time())


def _event(study_id: int, row: Row[Any]) -> Any:
    text = f"taken over from process {row.lease_pid} on {row.lease_host}, which had ended or stood still"
    return insert(EventRow).values(study_id=study_id, kind="takeover", text=text, data={}, happened_at=now())
