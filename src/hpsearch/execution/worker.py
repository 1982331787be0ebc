"""A worker process: ``python -m hpsearch.execution.worker FD SETTINGS``, one slot's, long-lived.

It talks over the inherited socket FD and knows neither SQL nor search. A thread of its own blocks on the socket and
ends the process the moment the coordinator's side closes, also amid a TensorFlow call, so that no orphan trains on.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection

from hpsearch.execution.messages import Advance, Command, Event, Job, Stop
from hpsearch.execution.running import Identity, RunningJob
from hpsearch.training.task import Trainer

PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PAUSE_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs before anything heavy is imported.

    Attributes:
        name: of its slot, ``slot-0``.
        threads: CPU threads for arithmetic.
        deterministic: op determinism.
        prepare: import and set up the training library while waiting for the first job.
        parent: pid of the coordinator.
        gpu_memory_bytes: what it may take of its GPU; None lets its share grow with need.
    """

    name: str
    threads: int
    deterministic: bool
    prepare: bool
    parent: int
    gpu_memory_bytes: int | None = None

    def to_json(self) -> str:
        """The form that `main` reads."""
        return json.dumps(asdict(self))


def main(arguments: list[str]) -> None:
    """Serve jobs until the coordinator closes its side."""
    settings = WorkerSettings(**json.loads(arguments[1]))
    _end_with_the_coordinator(settings.parent)
    # a terminal sends SIGINT to the whole group, `timeout` and batch systems SIGTERM; whether to stop is the
    # coordinator's to say, and it ends a worker by SIGKILL
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    connection = Connection(int(arguments[0]))
    inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    device, speaker = Device(settings), Speaker(connection)
    if settings.prepare:
        device.prepare()
    while True:
        _serve(inbox.get(), inbox, speaker, device)


class Device:
    """The training library of this process, set up once, on first need."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._description: str | None = None

    def prepare(self) -> str:
        """Set the library up; returns the device's name."""
        if self._description is None:
            from hpsearch.training.process import configure_process

            self._description = configure_process(
                threads=self._settings.threads,
                deterministic=self._settings.deterministic,
                gpu_memory_bytes=self._settings.gpu_memory_bytes,
            )
            gc.freeze()  # the library stays: half a million objects that no collection need look at again
        return self._description

    def make_trainer(self, job: Job) -> Trainer:
        """A trainer for `job`; simulated training needs no library."""
        from hpsearch.training.registry import make_trainer

        if job.task.configuration.training["trainer"] != "simulated":
            self.prepare()
        return make_trainer(job.task)

    def identity(self) -> Identity:
        """This worker, as attempts record it."""
        return Identity.of_this_process(self._settings.name, self._description or "CPU")


class Speaker:
    """Sends words to the coordinator: at once, or within a few milliseconds together with those that follow.

    Each message wakes the coordinator, which writes a transaction; where an epoch takes a millisecond, that would be
    most of the work.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._words: list[Event] = []
        self._lock = threading.Lock()
        self._has_words = threading.Event()
        threading.Thread(target=self._send_late, daemon=True).start()

    def say(self, words: Sequence[Event], *, at_once: bool) -> None:
        """Send `words` after all that were said before."""
        with self._lock:
            self._words += words
            if at_once:
                self._send()
                return
        self._has_words.set()

    def _send_late(self) -> None:
        while True:
            self._has_words.wait()
            time.sleep(_PAUSE_SECONDS)
            self._has_words.clear()
            with self._lock:
                self._send()

    def _send(self) -> None:
        words, self._words = self._words, []
        if words:
            self._connection.send(words)


def _serve(command: Command, inbox: queue.SimpleQueue[Command], speaker: Speaker, device: Device) -> None:
    """Run one job to its end. Commands are looked at between epochs; late ones of an ended job fall away."""
    if not isinstance(command, Job):
        return
    running = RunningJob(command, device.make_trainer, device.identity)
    while not running.ended:
        while not inbox.empty() or not running.has_work:
            order = inbox.get()
            if isinstance(order, Advance | Stop):
                running.obey(order)
        speaker.say(running.step(), at_once=not running.has_work)


def _listen(connection: Connection, inbox: queue.SimpleQueue[Command]) -> None:
    while True:
        try:
            inbox.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)


def _end_with_the_coordinator(parent: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
