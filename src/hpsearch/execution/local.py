"""Jobs in worker processes of this machine, one for each slot."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import IO

from hpsearch.execution.executor import Slot
from hpsearch.execution.messages import Advance, Command, Crashed, Event, Finished, Job, LastWord, SlotLost, Stop
from hpsearch.execution.worker import WorkerSettings

log = logging.getLogger(__name__)

_LAST_WORDS_BYTES = 4_000
_CLOSE_SECONDS = 5.0
_KILL_SECONDS = 5.0
_SETTLED_JOBS = 50  # after so many a worker has all the memory that it needs ...
_MOST_GROWTH = 1.1  # ... and what grows beyond this is lost: TensorFlow frees most, not all, of a traced function


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    words: IO[bytes]  # its stdout and stderr
    alone: bool  # has its device to itself
    job: Job | None = None
    jobs: int = 0  # that have ended
    settled_bytes: int = 0  # its largest resident size after one of its first jobs
    resident_bytes: int = 0  # after the last

    def has_ended_a_job(self, resident_bytes: int) -> None:
        """Note its size."""
        self.jobs += 1
        self.resident_bytes = resident_bytes
        if self.jobs <= _SETTLED_JOBS:
            self.settled_bytes = max(self.settled_bytes, resident_bytes)

    @property
    def has_grown(self) -> bool:
        """Whether a fresh one should take its place."""
        return self.jobs > _SETTLED_JOBS and self.resident_bytes > _MOST_GROWTH * self.settled_bytes


class LocalExecutor:
    """One worker process for each slot, started as a fresh interpreter: never forked, never through `__main__`.

    A worker lives on from job to job, until its memory has grown too much.

    Args:
        slots: where to run.
        environment: what workers inherit; KERAS_BACKEND, device and thread variables are set on top for each.
        deterministic: op determinism in the workers.
        onednn: whether TensorFlow may use oneDNN.
        prepare: let workers load the training library while the coordinator still gets ready.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        environment: Mapping[str, str],
        *,
        deterministic: bool = True,
        onednn: bool = True,
        prepare: bool = True,
    ) -> None:
        self.slots: Sequence[Slot] = tuple(slots)
        self._environment = dict(environment)
        self._deterministic = deterministic
        self._onednn = onednn
        self._prepare = prepare
        self._workers: dict[int, _Worker] = {}

    def open(self) -> None:
        """Start a worker for every slot that has none."""
        for slot in self.slots:
            self._worker(slot)

    def is_for(self, slots: Sequence[Slot], *, deterministic: bool, onednn: bool) -> bool:
        """Whether it is what an executor for these slots, with these settings, would be."""
        return self.slots == tuple(slots) and (self._deterministic, self._onednn) == (deterministic, onednn)

    def submit(self, slot: Slot, job: Job) -> None:
        """Give `job` to a free slot; a dead worker is replaced first.

        A job that runs alone gets a fresh one, and those of the other slots of its device go until they have work.
        """
        for other in self.slots:
            beside = self._workers.get(other.index)
            if other.gpu == slot.gpu and beside is not None and beside.job is None and (job.alone or beside.alone):
                self.kill(other)
        worker = self._worker(slot, alone=job.alone)
        worker.job = job
        self._send(worker, job)

    def advance(self, slot: Slot, epochs: int = 1, checkpoint: bool = False) -> None:
        """Let the slot's job train `epochs` more."""
        worker = self._workers.get(slot.index)
        if worker is not None and worker.job is not None:
            self._send(worker, Advance(worker.job.trial, worker.job.attempt, epochs, checkpoint))

    def stop(self, slot: Slot, checkpoint: bool) -> None:
        """End the slot's job after its present epoch."""
        worker = self._workers.get(slot.index)
        if worker is not None and worker.job is not None:
            self._send(worker, Stop(worker.job.trial, worker.job.attempt, checkpoint))

    def kill(self, slot: Slot) -> None:
        """End the slot's worker now."""
        worker = self._workers.pop(slot.index, None)
        if worker is not None:
            self._end(worker, 0.0)
            worker.words.close()

    def retire(self, slot: Slot) -> None:
        """Close a free slot for good."""
        self.kill(slot)
        self.slots = tuple(other for other in self.slots if other != slot)

    def wait(self, timeout_seconds: float) -> Sequence[Event]:
        """All that workers have said; waits for the first word, then takes what else is there."""
        events: list[Event] = []
        by_connection = {worker.connection: index for index, worker in self._workers.items()}
        for ready in wait(list(by_connection), timeout_seconds):
            assert isinstance(ready, Connection)
            events += self._read(by_connection[ready])
        return events

    def close(self) -> None:
        """Close the pipes, at which workers exit by themselves; kill what has not after a few seconds."""
        workers = list(self._workers.values())
        self._workers.clear()
        for worker in workers:
            worker.connection.close()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for worker in workers:
            self._end(worker, deadline - time.monotonic())
            worker.words.close()

    def _read(self, index: int) -> list[Event]:
        worker = self._workers[index]
        events: list[Event] = []
        try:
            while worker.connection.poll():
                words: list[Event] = worker.connection.recv()
                for event in words:
                    if isinstance(event, LastWord):
                        worker.job = None
                    if isinstance(event, Finished | Crashed) and event.resident_bytes is not None:
                        worker.has_ended_a_job(event.resident_bytes)
                events += words
        except (EOFError, OSError):
            events.append(self._lost(index))
        return events

    def _lost(self, index: int) -> SlotLost:
        worker = self._workers.pop(index)
        self._end(worker, 1.0)
        job = worker.job
        return SlotLost(
            slot=index,
            trial=job.trial if job else None,
            attempt=job.attempt if job else None,
            error=_obituary(worker.process.returncode, _last_words(worker)),
        )

    def _worker(self, slot: Slot, *, alone: bool = False) -> _Worker:
        worker = self._workers.get(slot.index)
        if worker is not None and worker.has_grown:
            grown = [f"{size / 2**20:,.0f}" for size in (worker.settled_bytes, worker.resident_bytes)]
            log.info("slot %d: a fresh worker, the last grew from %s to %s MiB", slot.index, *grown)
            self.kill(slot)
            worker = None
        if worker is None:
            worker = self._workers[slot.index] = self._start(slot, alone)
        return worker

    def _start(self, slot: Slot, alone: bool) -> _Worker:
        ours, theirs = socket.socketpair()
        settings = WorkerSettings(
            name=f"slot-{slot.index}",
            threads=slot.threads,
            deterministic=self._deterministic,
            prepare=self._prepare,
            parent=os.getpid(),
            gpu_memory_bytes=None if alone else slot.gpu_memory_bytes,
        )
        # a file and not a pipe, so that a talkative library can never block a worker
        words = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "hpsearch.execution.worker", str(theirs.fileno()), settings.to_json()],
                env=self._environment_of(slot),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
            )
        return _Worker(process, Connection(ours.detach()), words, alone)

    def _environment_of(self, slot: Slot) -> dict[str, str]:
        threads = str(slot.threads)
        return self._environment | {
            "KERAS_BACKEND": "tensorflow",
            "CUDA_VISIBLE_DEVICES": slot.gpu if slot.gpu is not None else "-1",
            "TF_ENABLE_ONEDNN_OPTS": "1" if self._onednn else "0",
            "TF_CPP_MIN_LOG_LEVEL": self._environment.get("TF_CPP_MIN_LOG_LEVEL", "2"),
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "PYTHONUNBUFFERED": "1",
        }

    @staticmethod
    def _send(worker: _Worker, command: Command) -> None:
        # a worker that has just died takes no more words; `wait` says that it is lost
        with contextlib.suppress(OSError):
            worker.connection.send(command)

    @staticmethod
    def _end(worker: _Worker, patience_seconds: float) -> None:
        try:
            worker.process.wait(max(0.0, patience_seconds))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            try:
                worker.process.wait(_KILL_SECONDS)
            except subprocess.TimeoutExpired:  # asleep in a driver or a file system: it ends when that lets go of it
                log.warning("worker %d does not end, and is left behind", worker.process.pid)
        if not worker.connection.closed:
            worker.connection.close()


def _obituary(returncode: int | None, words: str) -> str:
    """How a worker ended, in a line; one that ended by itself has said why last. All that it said follows."""
    if returncode is None:
        how = "the worker closed its pipe and does not end"
    elif returncode < 0:
        named = {number.value: number.name for number in signal.Signals}
        how = f"the worker was killed by signal {named.get(-returncode, -returncode)}"
    else:
        how = f"the worker ended with exit code {returncode}"
        how += f": {words.splitlines()[-1]}" if words else ""
    return f"{how}\nits last words:\n{words}" if words else how


def _last_words(worker: _Worker) -> str:
    with worker.words as words:
        size = words.seek(0, os.SEEK_END)
        words.seek(max(0, size - _LAST_WORDS_BYTES))
        return words.read().decode(errors="replace").strip()
