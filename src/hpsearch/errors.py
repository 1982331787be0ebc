"""Every error that hpsearch raises on purpose, grouped by who must act.

::

    HpsearchError
    ├── ConfigError               the person: one plain sentence, exit code 2
    │   ├── SearchSpaceError      mistakes in a space file, all of them at once
    │   ├── DataError             data that are missing, unreadable or of the wrong shape
    │   └── BackendMissing        a library of an optional extra is not installed
    ├── StoreError                the person: what the database holds does not fit the wish, exit code 2
    │   ├── DatabaseUnusable      not a database, not ours, not writable
    │   ├── SchemaOutdated        made by another version of hpsearch
    │   ├── StudyNotFound         names the ones that exist
    │   ├── StudyExists
    │   ├── StudyChanged          same name, other content
    │   ├── NothingFinished       no trial is complete yet
    │   ├── TrialNotFound
    │   ├── ArtifactMissing       a file that the database names is not where it should be
    │   └── LeaseHeld             another coordinator runs this study
    ├── StudyFailed               the study ended as failed, exit code 1
    ├── LeaseLost                 this coordinator no longer owns its study and must stop writing
    ├── StorageFull               no room left; the study can be resumed when there is
    └── TrialError                data about a trial: recorded, the study goes on
        ├── BuildError            the model cannot be built from these parameters
        ├── Diverged              the loss became NaN or infinite
        └── OutOfMemory           the device had no room for the model

Pruning is a result, not an error. Whatever else is raised is our own bug and crashes with its traceback.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass


class HpsearchError(Exception):
    """Root of all errors that hpsearch raises on purpose."""


class ConfigError(HpsearchError):
    """A mistake in what a person wrote or asked for."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a space file: where it stands and one sentence about it."""

    message: str
    file: str | None = None
    line: int | None = None  # from 1

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return _one_line(f"{place}: {self.message}" if place else self.message)


def _one_line(text: str) -> str:
    """`text` with line breaks and whatever else does not print, as quoted text may hold, written as escapes."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


class SearchSpaceError(ConfigError):
    """All mistakes of one space file, in the order of their lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class DataError(ConfigError):
    """Data that are missing, unreadable or of the wrong shape."""


class BackendMissing(ConfigError):
    """A library of an optional extra is not installed."""


class StoreError(HpsearchError):
    """What the database holds does not fit what was asked."""


class DatabaseUnusable(StoreError):
    """The file is not a database, not one of ours, or cannot be read or written."""


class SchemaOutdated(StoreError):
    """The database was made by another version of hpsearch."""


class StudyNotFound(StoreError):
    """No study has that name; the message names the ones that exist."""


class StudyExists(StoreError):
    """A study of that name exists already."""


class StudyChanged(StoreError):
    """A study of that name exists with other content; the message gives the difference and the ways out."""


class NothingFinished(StoreError):
    """The study has no complete trial yet."""


class TrialNotFound(StoreError):
    """The study has no trial of that number."""


class ArtifactMissing(StoreError):
    """A file that the database names is not where it should be, or has other content."""


class LeaseHeld(StoreError):
    """Another coordinator runs this study; the message says which and since when."""


class StudyFailed(HpsearchError):
    """The study ended as failed; the message says why."""


class LeaseLost(HpsearchError):
    """Another coordinator took this study over: nothing more may be written."""


class StorageFull(HpsearchError):
    """The disk has no room left; the study goes on when there is."""


def is_full(error: OSError) -> bool:
    """Whether a file could not be written for want of room or quota."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class TrialError(HpsearchError):
    """How a trial failed; recorded as data, the study goes on."""


class BuildError(TrialError):
    """The model cannot be built from these parameters."""


class Diverged(TrialError):
    """The loss became NaN or infinite."""


class OutOfMemory(TrialError):
    """The device had no room for the model."""
