"""Connections to the SQLite file: pragmas, transactions that begin with their lock, errors as plain sentences."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, NullPool, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError

from hpsearch.errors import DatabaseUnusable, StorageFull

BUSY_MILLISECONDS = 10_000  # SQLite's own wait for a lock
LOCK_PATIENCE_SECONDS = 60.0  # ours around it: some locks (recovery, a checkpoint) are refused without a wait
JOURNAL_LIMIT_BYTES = 64 * 2**20  # a write-ahead log that grew larger is cut back
_SMALLEST_ROOM_BYTES = 2**20
_FILE = "file"  # which one a connection was opened for

_FULL = {sqlite3.SQLITE_FULL}
_CANNOT_GROW = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}  # also what a limit on file sizes looks like
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_NOT_A_DATABASE = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
_UNWRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


def database_path(database: str | Path) -> Path:
    """The file that `database`, a path or a ``sqlite:///`` URL, names. DatabaseUnusable for any other URL."""
    text = os.fspath(database)
    if not text:
        raise DatabaseUnusable("The name of the database is empty; give a path with --database.")
    if "://" not in text:
        return Path(text).expanduser()
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise DatabaseUnusable(f"{text} is not a database URL; give a path or sqlite:///PATH.") from error
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        shown = url.render_as_string(hide_password=True)
        raise DatabaseUnusable(f"{shown} cannot hold studies: give the path of an SQLite file, or sqlite:///PATH.")
    return Path(url.database)


def reading_engine(path: Path) -> Engine:
    """An engine that can only read: it changes no byte of `path`, sets no journal mode, needs no right to write."""
    log = path.with_name(path.name + "-wal")

    def connect() -> sqlite3.Connection:
        address = f"{path.absolute().as_uri()}?mode=ro"
        if not _writable(path) and not log.exists():
            address += "&immutable=1"  # a file in WAL mode that we cannot write opens in no other way
        connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        return connection

    # a connection that takes the file for unchangeable is not kept: its owner may write the next moment
    engine = _engine(path, connect, begin="BEGIN", pooled=_writable(path))

    @event.listens_for(engine, "connect")
    def remember(connection: sqlite3.Connection, record: Any) -> None:
        record.info[_FILE] = file_of(path)

    @event.listens_for(engine, "checkout")
    def require_the_same(connection: sqlite3.Connection, record: Any, proxy: Any) -> None:
        if record.info[_FILE] != file_of(path):
            raise DisconnectionError(f"{path} is another file by now")  # the pool opens that one

    return engine


def file_of(path: Path) -> tuple[int, int] | None:
    """Something that is another where `path` names another file, as after one was put in its place; None for none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def writing_engine(path: Path, *, pooled: bool = True) -> Engine:
    """An engine whose transactions take the write lock when they begin. Sets WAL mode; makes the file if need be."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute("PRAGMA foreign_keys = ON")
        _patiently(path, lambda: connection.execute("PRAGMA journal_mode = WAL"))
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_LIMIT_BYTES}")
        return connection

    return _engine(path, connect, begin="BEGIN IMMEDIATE", pooled=pooled)


def _engine(path: Path, connect: Any, *, begin: str, pooled: bool) -> Engine:
    def connect_in_autocommit() -> sqlite3.Connection:
        with translated(path):
            connection: sqlite3.Connection = connect()
        connection.isolation_level = None  # Python's own BEGIN comes at the first write, too late for the lock
        return connection

    engine = create_engine("sqlite://", creator=connect_in_autocommit, poolclass=QueuePool if pooled else NullPool)

    @event.listens_for(engine, "begin")
    def take_the_lock(connection: Connection) -> None:
        _patiently(path, lambda: connection.connection.driver_connection.execute(begin))  # type: ignore[union-attr]  # it is sqlite3's

    @event.listens_for(engine, "handle_error")
    def say_it_plainly(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, sqlite3.Error):
            _raise_plainly(path, context.original_exception)

    return engine


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite says about the file `path` within the block into our errors."""
    try:
        yield
    except sqlite3.Error as error:
        _raise_plainly(path, error)
        raise


def _raise_plainly(path: Path, error: sqlite3.Error) -> None:
    """Raise what a person can act on; return where the error is our own bug (a constraint, wrong SQL)."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
    if code in _FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        raise StorageFull(f"No room left on the disk of {path}: free some, then resume the study.") from error
    if getattr(error, "sqlite_errorcode", 0) in _CANNOT_GROW:
        raise StorageFull(f"{path} may not grow: make room on its disk, then resume the study.") from error
    if code in _LOCKED:
        raise DatabaseUnusable(f"{path} is locked by another program; try again when it has finished.") from error
    if code in _NOT_A_DATABASE:
        raise DatabaseUnusable(f"{path} is not an SQLite database, or it is damaged.") from error
    if code in _UNWRITABLE:
        raise DatabaseUnusable(f"{path} cannot be opened or written: {error}.") from error
    if code == sqlite3.SQLITE_IOERR:
        raise DatabaseUnusable(f"{path} cannot be read or written: {error}.") from error


def _patiently(path: Path, statement: Any) -> None:
    """Run `statement`, again and again with growing pauses while the database is locked."""
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
    pause = 0.01
    while True:
        try:
            statement()
            return
        except sqlite3.OperationalError as error:
            locked = getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOCKED
            if not locked or time.monotonic() > deadline:
                _raise_plainly(path, error)
                raise
            time.sleep(pause)
            pause = min(2 * pause, 1.0)


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _SMALLEST_ROOM_BYTES
    except OSError:
        return False


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK)
