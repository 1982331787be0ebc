"""One database: opened, read, and changed by whoever may."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine, delete, insert, select, update

from hpsearch.errors import ConfigError, DatabaseUnusable, LeaseHeld, StorageFull, StudyExists, TrialNotFound
from hpsearch.storage import leases, schema
from hpsearch.storage.artifacts import delete_artifacts
from hpsearch.storage.columns import now
from hpsearch.storage.connection import database_path, reading_engine, writing_engine
from hpsearch.storage.evaluation_reads import EvaluationReads
from hpsearch.storage.models import ActionKind, ActionRow, EventRow, NoteRow, StudyRow, TrialRow
from hpsearch.storage.records import NewStudy, StudySummary
from hpsearch.storage.trial_reads import TrialReads
from hpsearch.storage.writer import Writer
from hpsearch.study import Study, StudyState
from hpsearch.wording import STUDY_NAME, STUDY_NAME_IN_WORDS

_AS_THEY_ARE = (
    *("name", "description", "seed", "yaml", "hash", "backend"),
    *("order", "lag", "threads", "deterministic", "onednn"),
)


class Store(TrialReads, EvaluationReads):
    """A database of studies. Reading never changes the file; what writes says so in its docstring."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        super().__init__(path, reading_engine(path))
        self._read_only = read_only
        self._writing: Engine | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. The last writer to go folds the write-ahead log into the file."""
        self._reader.dispose()
        if self._writing is not None:
            self._writing.dispose()
            self._writing = None

    def create_study(self, new: NewStudy) -> Study:
        """Write a new study in one transaction: stopped until a coordinator begins. StudyExists, DatabaseUnusable."""
        row = {
            name: getattr(new, name)
            for name in [
                "name",
                "description",
                "seed",
                "yaml",
                "hash",
                "backend",
                "order",
                "lag",
                "threads",
                "deterministic",
                "onednn",
            ]
        } | {
            "state": StudyState.STOPPED,
            "metric": new.objective.metric,
            "direction": new.objective.direction,
            "resolved": dict(new.resolved),
            "decisive": dict(new.decisive),
            "versions": dict(new.versions),
            "created_at": now(),
            "coordinator_seconds": 0.0,
        }
        try:
            with self._write() as connection:
                self._require_free_name(connection, new.name)
                connection.execute(insert(StudyRow), row)
        except StorageFull as error:  # nothing has begun: the person's disk, not a study's failure
            raise DatabaseUnusable(f"No room left on the disk of {self.path}: free some first.") from error
        return self.study(new.name)

    def rename(self, name: str, new_name: str) -> None:
        """Give a study another name; it may be running. StudyExists, ConfigError for an impossible name."""
        if not STUDY_NAME.fullmatch(new_name):
            raise ConfigError(f"{new_name!r} cannot be a study's name: use {STUDY_NAME_IN_WORDS}.")
        study = self.study(name)
        with self._write() as connection:
            self._require_free_name(connection, new_name)
            connection.execute(update(StudyRow).where(StudyRow.id == study.id).values(name=new_name))
            text = f"renamed from {name} to {new_name}"
            connection.execute(
                insert(EventRow).values(study_id=study.id, kind="renamed", text=text, data={}, happened_at=now())
            )

    def delete(self, name: str) -> None:
        """Delete a study with its rows and files. LeaseHeld while a living coordinator runs it."""
        study = self.study(name)
        with self._write() as connection:
            leases.require_free(connection, study.id)
            connection.execute(delete(StudyRow).where(StudyRow.id == study.id))
        delete_artifacts(self.artifacts_dir(study.id))  # after the rows: a row without its file would be an error

    def request_stop(self, name: str) -> None:
        """Ask whoever runs the study to stop it."""
        study = self.study(name)
        with self._write() as connection:
            connection.execute(insert(ActionRow).values(study_id=study.id, kind=ActionKind.STOP, requested_at=now()))

    def add_note(self, name: str, text: str, trial: int | None = None) -> None:
        """Write a remark on a study, or on one of its trials."""
        study = self.study(name)
        with self._write() as connection:
            trial_id = None
            if trial is not None:
                wanted = select(TrialRow.id).where(TrialRow.study_id == study.id, TrialRow.number == trial)
                trial_id = connection.execute(wanted).scalar()
                if trial_id is None:
                    raise TrialNotFound(f"Study {name} has no trial {trial}.")
            connection.execute(
                insert(NoteRow).values(study_id=study.id, trial_id=trial_id, text=text, written_at=now())
            )

    def is_running(self, study_id: int) -> bool:
        """Whether a living coordinator has the study."""
        with self._read() as connection:
            try:
                leases.require_free(connection, study_id)
            except LeaseHeld:
                return True
        return False

    def is_run(self, study: StudySummary) -> bool:
        """Whether a living coordinator has the study; nothing is read where nobody had its lease."""
        return study.coordinator is not None and self.is_running(study.id)

    def claim(self, study_id: int) -> leases.Lease:
        """Take the right to write a study. LeaseHeld names who has it, where, and since when."""
        return leases.claim(self._writer(), self.path, study_id)

    def writer(self, lease: leases.Lease) -> Writer:
        """What writes the study of `lease`."""
        return Writer(self._writer(), lease)

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._writer().begin() as connection:
            yield connection

    def _writer(self) -> Engine:
        """Opened at the first write, since opening it turns the file to WAL mode: reading leaves it as it was."""
        if self._read_only:
            raise RuntimeError("the store was opened for reading")
        if self._writing is None:
            self._writing = writing_engine(self.path)
        return self._writing

    @staticmethod
    def _require_free_name(connection: Connection, name: str) -> None:
        if connection.execute(select(StudyRow.id).where(StudyRow.name == name)).first() is not None:
            raise StudyExists(f"There is a study {name} already: choose another name.")


def open_store(database: str | Path, *, create: bool = False, read_only: bool = True) -> Store:
    """The store of a database: a path, or a ``sqlite:///`` URL.

    With `create` the file is made where there is none, and may be written. A read-only store neither migrates nor
    changes a byte; nor does any other one before its first write.

    Raises:
        DatabaseUnusable: a file that is missing, is not a database, is not ours, or may not be written.
        SchemaOutdated: one of another version of hpsearch.
    """
    path = database_path(database)
    _require_usable(path, create=create, write=create or not read_only)
    if not path.exists() or path.stat().st_size == 0:
        _create(path, may=create)
    store = Store(path, read_only=read_only and not create)
    try:
        if create:
            with store._read() as connection:
                empty = schema.is_empty(connection)
            if empty:  # another program has made the file and is about to make the tables, or died before
                _create(path, may=True)
        with store._read() as connection:
            schema.require_present(connection, path)
    except BaseException:
        store.close()
        raise
    return store


def holds_study(database: str | Path, name: str) -> bool:
    """Whether a database holds a study of that name; one that is not there yet, or is empty, is not made.

    Raises:
        DatabaseUnusable, SchemaOutdated: the database could not be opened, or made, for writing.
    """
    path = database_path(database)
    _require_usable(path, create=True, write=True)
    if not path.exists() or path.stat().st_size == 0:
        return False
    engine = reading_engine(path)
    try:
        with engine.connect() as connection:
            if schema.is_empty(connection):  # another program is about to make its tables
                return False
    finally:
        engine.dispose()
    with open_store(path) as store:
        return store.has_study(name)


def upgrade_database(database: str | Path) -> tuple[str | None, str]:
    """Bring a database to the present schema, in one transaction; the versions before and after."""
    path = database_path(database)
    _require_usable(path, create=False, write=True)
    engine = writing_engine(path)
    try:
        return schema.upgrade(engine, path)
    finally:
        engine.dispose()


def _create(path: Path, *, may: bool) -> None:
    if not may:
        raise DatabaseUnusable(f"{path} is empty: no study was ever written to it.")
    engine = writing_engine(path)
    try:
        schema.create(engine, path)
    except StorageFull as error:
        engine.dispose()
        for suffix in ("", "-wal", "-shm"):  # of a file that was missing or empty
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        raise DatabaseUnusable(f"No room left on the disk of {path}: free some first.") from error
    finally:
        engine.dispose()


def _require_usable(path: Path, *, create: bool, write: bool) -> None:
    if path.is_dir():
        raise DatabaseUnusable(f"{path} is a folder: give the file of a database with --database.")
    if not path.exists():
        if not create:
            raise DatabaseUnusable(
                f"There is no database {path}: `hpsearch run` makes one; name another with --database or"
                " HPSEARCH_DATABASE."
            )
        if not path.absolute().parent.is_dir():
            raise DatabaseUnusable(f"There is no folder {path.absolute().parent} to make the database {path.name} in.")
        if not os.access(path.absolute().parent, os.W_OK):
            raise DatabaseUnusable(f"{path} cannot be made: its folder may not be written.")
        return
    if not os.access(path, os.R_OK):
        raise DatabaseUnusable(f"{path} may not be read: ask its owner for the right.")
    if write and not (os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK)):
        raise DatabaseUnusable(f"{path} may not be written, it or its folder: copy it elsewhere, or get the right.")
