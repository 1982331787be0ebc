"""Jobs that nobody decides about between epochs, run to their ends on all slots: retrains and evaluations."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hpsearch.execution.executor import Executor, Slot
from hpsearch.execution.messages import Crashed, EpochDone, Event, Finished, Job, Saved, SlotLost, Started
from hpsearch.study import ErrorKind

log = logging.getLogger(__name__)

_LOST_IN_A_ROW = 3
_TICK_SECONDS = 1.0


@dataclass(slots=True)
class _Pending:
    job: Job
    losses: int = 0  # lost workers since an epoch finished
    retries: int = 0


class JobRunner:
    """Runs jobs, each named by its `trial`, to their ends.

    A lost worker costs a job nothing but the epochs since its last checkpoint; an error costs one of `retries`.

    Args:
        executor: an open one, free.
        retries: errors that a job survives.
        on_event: is given everything that a job's present attempt says, before anything follows from it.
        on_failure: is given a job that has failed for good, its kind and its error.
    """

    def __init__(
        self,
        executor: Executor,
        retries: int,
        on_event: Callable[[Job, Event], None],
        on_failure: Callable[[Job, ErrorKind, str], None],
    ) -> None:
        self._executor = executor
        self._retries = retries
        self._on_event = on_event
        self._on_failure = on_failure
        self._waiting: list[_Pending] = []
        self._seats: dict[int, _Pending] = {}
        self._stopping = False

    def stop(self) -> None:
        """End every job after its present epoch, with a checkpoint. Safe to call from a signal handler."""
        self._stopping = True

    def run(self, jobs: Sequence[Job]) -> bool:
        """Run `jobs` to their ends; False where `stop` came before."""
        self._waiting = [_Pending(job) for job in jobs]
        told_to_stop: set[int] = set()
        while self._seats or (self._waiting and not self._stopping):
            if not self._stopping:
                self._fill()
            for slot in self._executor.slots if self._stopping else ():
                if slot.index in self._seats and slot.index not in told_to_stop:
                    told_to_stop.add(slot.index)
                    self._executor.stop(slot, checkpoint=True)
            for event in self._executor.wait(_TICK_SECONDS):
                self._take(event)
        return not self._waiting

    def _fill(self) -> None:
        for slot in self._executor.slots:
            if slot.index not in self._seats and self._waiting:
                self._seat(slot, self._waiting.pop(0))

    def _seat(self, slot: Slot, pending: _Pending) -> None:
        self._seats[slot.index] = pending
        job = pending.job
        self._executor.submit(slot, job)
        left = job.task.epochs - (job.checkpoint.epoch if job.checkpoint is not None else 0)
        if left > 0:
            self._executor.advance(slot, left)

    def _take(self, event: Event) -> None:
        if isinstance(event, SlotLost):
            lost = self._seats.pop(event.slot, None)
            if lost is not None:
                lost.losses += 1
                log.warning("slot %d lost its worker: %s", event.slot, event.error.splitlines()[0])
                self._again(lost, lost.losses < _LOST_IN_A_ROW, ErrorKind.LOST, event.error)
            return
        index = next(
            (
                index
                for index, pending in self._seats.items()
                if (pending.job.trial, pending.job.attempt) == (event.trial, event.attempt)
            ),
            None,
        )
        if index is None:
            return
        pending = self._seats[index]
        self._on_event(pending.job, event)
        if isinstance(event, EpochDone):
            pending.losses = 0
            self._keep(pending, event.checkpoint)
        elif isinstance(event, Finished):
            del self._seats[index]
            self._keep(pending, event.checkpoint)
            if event.stopped:
                self._waiting.append(pending)
        elif isinstance(event, Crashed):
            del self._seats[index]
            pending.retries += 1
            retry = event.kind is not ErrorKind.NAN and pending.retries <= self._retries
            self._again(pending, retry, event.kind, event.error)
        else:
            assert isinstance(event, Started)

    def _keep(self, pending: _Pending, saved: Saved | None) -> None:
        if saved is not None:
            pending.job = replace(pending.job, checkpoint=saved)

    def _again(self, pending: _Pending, retry: bool, kind: ErrorKind, error: str) -> None:
        if retry:
            pending.job = replace(pending.job, attempt=pending.job.attempt + 1)
            self._waiting.insert(0, pending)
        else:
            self._on_failure(pending.job, kind, error)
