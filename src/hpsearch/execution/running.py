"""One job in this process: a trainer, what it was told to do, and what it answers. Used by every executor."""

from __future__ import annotations

import math
import os
import platform
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hpsearch.errors import ArtifactMissing, Diverged, OutOfMemory, StorageFull, is_full
from hpsearch.execution import checkpoint_files, memory
from hpsearch.execution.messages import (
    Advance,
    CheckpointLost,
    Crashed,
    DiskFull,
    EpochDone,
    Event,
    Finished,
    Job,
    Saved,
    Started,
    Stop,
)
from hpsearch.study import ErrorKind
from hpsearch.training.task import Trainer

_LOOK_UP_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs a job: stored with each attempt."""

    worker: str
    host: str
    device: str
    pid: int

    @classmethod
    def of_this_process(cls, worker: str, device: str) -> Identity:
        """This process on this host."""
        return cls(worker=f"{worker}-{os.getpid()}", host=platform.node(), device=device, pid=os.getpid())


class RunningJob:
    """A job from its start to its end, one call of `step` at a time.

    This is the one place that catches broadly: whatever a training raises becomes the trial's data.
    """

    def __init__(self, job: Job, make_trainer: Callable[[Job], Trainer], identity: Callable[[], Identity]) -> None:
        self.job = job
        self.ended = False
        self._make_trainer = make_trainer
        self._identity = identity
        self._trainer: Trainer | None = None
        self._granted = job.granted
        self._checkpoint_when_spent = False
        self._stop: Stop | None = None
        self._seconds_since_checkpoint = 0.0
        self._saved: Saved | None = None
        self._is_worth_keeping = job.only_from is None
        self._peak: int | None = None
        self._looked_up_at = -math.inf

    @property
    def has_work(self) -> bool:
        """Whether `step` has something to do."""
        return not self.ended and (self._trainer is None or self._granted > 0 or self._is_through())

    def obey(self, command: Advance | Stop) -> None:
        """Take a command in. One that names another attempt is late and changes nothing."""
        if (command.trial, command.attempt) != (self.job.trial, self.job.attempt):
            return
        if isinstance(command, Stop):
            self._stop = command
        else:
            self._granted += command.epochs
            self._checkpoint_when_spent = command.checkpoint

    def step(self) -> list[Event]:
        """Do one thing: start, one epoch, or the end."""
        try:
            return self._step()
        except StorageFull as error:
            self.ended = True
            return [DiskFull(self.job.trial, self.job.attempt, str(error))]
        except Exception as error:
            self.ended = True
            if isinstance(error, OSError) and is_full(error):  # a model in the making, a cache: of no trial's doing
                where = error.filename or f"a file of a trial, maybe in {tempfile.gettempdir()}"
                sentence = f"No room left for {where}: free some, then resume the study."
                return [DiskFull(self.job.trial, self.job.attempt, sentence)]
            told = traceback.format_exc()
            return [
                Crashed(
                    self.job.trial,
                    self.job.attempt,
                    kind_of(error),
                    told,
                    memory.peak_bytes(),
                    memory.resident_bytes(),
                )
            ]

    def _step(self) -> list[Event]:
        if self._trainer is None:
            return [self._start()]
        if self._is_through():
            return [self._finish(self._trainer)]
        return [self._epoch(self._trainer)]

    def _start(self) -> Started | CheckpointLost:
        memory.reset_peak()
        try:
            content = checkpoint_files.load(self.job.checkpoint) if self.job.checkpoint is not None else None
        except ArtifactMissing as error:
            self.ended = True
            return CheckpointLost(self.job.trial, self.job.attempt, str(error))
        trainer = self._make_trainer(self.job)
        if content is not None:
            trainer.restore(content)
        self._trainer = trainer
        who = self._identity()
        return Started(self.job.trial, self.job.attempt, who.worker, who.host, who.device, who.pid, trainer.epoch)

    def _is_through(self) -> bool:
        trainer = self._trainer
        return trainer is not None and (
            self._stop is not None or trainer.stopped_early or trainer.epoch >= self.job.task.epochs
        )

    def _epoch(self, trainer: Trainer) -> EpochDone:
        result = trainer.advance()
        self._granted -= 1
        self._seconds_since_checkpoint += result.seconds
        self._look_at(result.values)
        wanted = self._checkpoint_when_spent and self._granted == 0
        through = self._is_through()  # then the end makes its own
        saved = None
        ends_here = through and not self.job.evaluate  # an evaluation may be what kills a worker
        if not ends_here and (wanted or self._seconds_since_checkpoint >= self.job.checkpoint_seconds):
            saved = self._save(trainer)
        return EpochDone(
            trial=self.job.trial,
            attempt=self.job.attempt,
            epoch=result.epoch,
            values=dict(result.values),
            seconds=result.seconds,
            stopped_early=result.stopped_early,
            checkpoint=saved,
            peak_memory_bytes=self._peak_bytes(),
        )

    def _peak_bytes(self) -> int | None:
        """The job's largest memory, looked up ten times a second: short epochs need not pay for it each."""
        now = time.monotonic()
        if now - self._looked_up_at >= _LOOK_UP_SECONDS:
            self._looked_up_at, self._peak = now, memory.peak_bytes()
        return self._peak

    def _look_at(self, values: Mapping[str, float]) -> None:
        objective, only_from = self.job.task.objective, self.job.only_from
        if only_from is not None and objective.reaches(values[objective.metric], only_from):
            self._is_worth_keeping = True

    def _finish(self, trainer: Trainer) -> Finished:
        done = trainer.stopped_early or trainer.epoch >= self.job.task.epochs
        stopped = not done
        stop = self._stop
        wanted = self.job.final_checkpoint and self._is_worth_keeping if done else stop is not None and stop.checkpoint
        saved = self._save(trainer) if wanted else None
        evaluate = done and self.job.evaluate
        evaluation = trainer.evaluate() if evaluate else None
        model_file = trainer.model_file() if evaluate else None
        self.ended = True
        return Finished(
            trial=self.job.trial,
            attempt=self.job.attempt,
            epoch=trainer.epoch,
            stopped_early=trainer.stopped_early,
            stopped=stopped,
            checkpoint=saved,
            evaluation=evaluation,
            model_file=model_file,
            peak_memory_bytes=memory.peak_bytes(),
            resident_bytes=memory.resident_bytes(),
        )

    def _save(self, trainer: Trainer) -> Saved:
        """The present state; where the epoch that has just finished was saved already, that is it."""
        if self._saved is None or self._saved.epoch != trainer.epoch:
            self._seconds_since_checkpoint = 0.0
            name = f"{self.job.trial:06d}-{self.job.attempt}-{trainer.epoch:05d}.checkpoint"
            self._saved = checkpoint_files.save(trainer.checkpoint(), trainer.epoch, self.job.checkpoint_dir, name)
        return self._saved


def kind_of(error: Exception) -> ErrorKind:
    """The kind under which a training's exception is recorded."""
    if isinstance(error, Diverged):
        return ErrorKind.NAN
    if isinstance(error, OutOfMemory | MemoryError):
        return ErrorKind.OOM
    return ErrorKind.ERROR
