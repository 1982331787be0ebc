"""What the coordinator and its workers say to each other: plain data, each with (trial, attempt)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hpsearch.study import ErrorKind
from hpsearch.training.task import Evaluation, Task

CHECKPOINT_SECONDS = 30.0  # a crash costs at most this much training, and an epoch


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint that a worker has made: a file with its SHA-256 (local), or its bytes (inline, Ray)."""

    epoch: int  # epochs finished in it
    sha256: str
    size_bytes: int
    path: str | None = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt at a training."""

    trial: int
    attempt: int
    task: Task
    granted: int = 0  # epochs to train at once; for more it waits for Advance
    checkpoint: Saved | None = None  # to start from: its own last one, or its parent's
    checkpoint_dir: str | None = None  # where the worker writes its checkpoints; None: bytes in the message
    final_checkpoint: bool = False  # make one when the last epoch is through (promotions, kept weights) ...
    only_from: float | None = None  # ... if the objective has come to this value; None: in any case
    evaluate: bool = False  # after the last epoch: read the test split once, score, and send the model file
    alone: bool = False  # in a fresh worker that has its device to itself, without a memory cap
    checkpoint_seconds: float = CHECKPOINT_SECONDS  # of training, after which a checkpoint is made


# What the coordinator says ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Advance:
    """Train `epochs` more epochs, then wait; with `checkpoint`, make one after the last of them."""

    trial: int
    attempt: int
    epochs: int = 1
    checkpoint: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """End after the present epoch. The answer is Finished."""

    trial: int
    attempt: int
    checkpoint: bool


Command = Job | Advance | Stop


# What a worker says ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    """Data are loaded and the model is built; the clock of `epoch_timeout` runs from here."""

    trial: int
    attempt: int
    worker: str
    host: str
    device: str
    pid: int
    from_epoch: int


@dataclass(frozen=True, slots=True)
class EpochDone:
    """One epoch has finished."""

    trial: int
    attempt: int
    epoch: int
    values: Mapping[str, float]
    seconds: float
    stopped_early: bool = False
    checkpoint: Saved | None = None
    peak_memory_bytes: int | None = None  # of the worker since the job began


@dataclass(frozen=True, slots=True)
class Finished:
    """The job has ended as asked: all epochs, early stopping, or Stop."""

    trial: int
    attempt: int
    epoch: int  # epochs finished
    stopped_early: bool = False
    stopped: bool = False  # by Stop, before its epochs were through
    checkpoint: Saved | None = None
    evaluation: Evaluation | None = None
    model_file: bytes | None = None
    peak_memory_bytes: int | None = None
    resident_bytes: int | None = None  # of the worker now


@dataclass(frozen=True, slots=True)
class Crashed:
    """The training raised: a trial's failure, the worker is well."""

    trial: int
    attempt: int
    kind: ErrorKind
    error: str  # whole traceback
    peak_memory_bytes: int | None = None
    resident_bytes: int | None = None  # of the worker now


@dataclass(frozen=True, slots=True)
class CheckpointLost:
    """The file that the job was to start from is gone or damaged: it has not begun, the worker is well."""

    trial: int
    attempt: int
    error: str


@dataclass(frozen=True, slots=True)
class DiskFull:
    """There was no room for a file that the job had to write: no fault of its own, the study stops for it."""

    trial: int
    attempt: int
    error: str


@dataclass(frozen=True, slots=True)
class SlotLost:
    """The slot's worker is gone; whatever it ran is lost since its last checkpoint."""

    slot: int
    trial: int | None
    attempt: int | None
    error: str


LastWord = Finished | Crashed | CheckpointLost | DiskFull  # of a job: its slot is free again
Word = Started | EpochDone | LastWord
Event = Word | SlotLost
