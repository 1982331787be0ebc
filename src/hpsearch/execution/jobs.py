"""Jobs that nobody decides about between epochs, run to their ends on all slots: retrains and evaluations."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hpsearch.errors import StorageFull
from hpsearch.execution.ends import Ends
from hpsearch.execution.executor import Executor, Slot
from hpsearch.execution.messages import (
    CheckpointLost,
    Crashed,
    DiskFull,
    EpochDone,
    Event,
    Finished,
    Job,
    Saved,
    SlotLost,
)
from hpsearch.execution.mishaps import Mishaps
from hpsearch.execution.seating import Waiting, assign
from hpsearch.execution.seats import Seat, Seats
from hpsearch.study import ErrorKind, reason

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0


@dataclass(slots=True)
class _Pending:
    job: Job
    before: Saved | None = None  # the checkpoint before the job's, should that be damaged
    mishaps: Mishaps = field(default_factory=Mishaps)

    def as_waiting(self) -> Waiting:
        return Waiting(self.job.trial, self.mishaps.lost_on, alone=self.mishaps.ooms > 0)


class JobRunner:
    """Runs jobs, each named by its `trial`, to their ends.

    A lost worker costs a job nothing but the epochs since its last checkpoint; an error costs one of `retries`; one
    that runs out of memory is tried once more, alone on its device.

    Args:
        executor: an open one, free.
        retries: errors that a job survives.
        ends: knows how long an epoch may take.
        stop_requested: whether someone has asked for a stop; looked at between events.
        on_event: is given everything that a job's present attempt says, before anything follows from it.
        on_failure: is given a job that has failed for good, its kind and its error.
        clock: seconds.
    """

    def __init__(
        self,
        executor: Executor,
        retries: int,
        ends: Ends,
        stop_requested: Callable[[], bool],
        on_event: Callable[[Job, Event], None],
        on_failure: Callable[[Job, ErrorKind, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor = executor
        self._retries = retries
        self._ends = ends
        self._stop_requested = stop_requested
        self._on_event = on_event
        self._on_failure = on_failure
        self._seats = Seats(executor, clock)
        self._waiting: list[_Pending] = []
        self._running: dict[int, _Pending] = {}  # by their jobs' `trial`
        self._stopping = False

    def stop(self) -> None:
        """End every job after its present epoch, with a checkpoint. Safe to call from a signal handler."""
        self._stopping = True

    def run(self, jobs: Sequence[Job], before: Mapping[int, Saved] | None = None) -> bool:
        """Run `jobs` to their ends; False where a stop came before.

        Args:
            jobs: what to run.
            before: by job, the checkpoint before the one that it starts from, should that be damaged.

        Raises:
            StorageFull: a worker had no room for a file.
        """
        self._waiting = [_Pending(job, (before or {}).get(job.trial)) for job in jobs]
        while self._seats or (self._waiting and not self._stopping):
            if self._stop_requested():
                self._stopping = True
            if self._stopping:
                for seat in self._seats:
                    self._seats.stop(seat)
            else:
                self._fill()
            self._seats.send()
            for event in self._executor.wait(_TICK_SECONDS):
                self._take(event)
            self._watch_the_clock()
        return not self._waiting

    def _fill(self) -> None:
        by_job = {pending.job.trial: pending for pending in self._waiting}
        queue = [pending.as_waiting() for pending in self._waiting]
        for slot, waiting in assign(queue, self._seats.slots, self._seats.busy):
            pending = by_job[waiting.trial]
            self._waiting.remove(pending)
            self._seat(slot, pending, waiting)

    def _seat(self, slot: Slot, pending: _Pending, waiting: Waiting) -> None:
        job = pending.job = replace(pending.job, alone=waiting.alone)
        self._running[job.trial] = pending
        seat = self._seats.seat(slot, job, waiting)
        left = job.task.epochs - (job.checkpoint.epoch if job.checkpoint is not None else 0)
        if left > 0:
            self._seats.advance(seat, left)

    def _take(self, event: Event) -> None:
        if isinstance(event, SlotLost):
            lost, closed = self._seats.lose(event)
            if lost is not None:
                self._lose(
                    self._running.pop(lost.trial), event, forgiven=closed is not None and bool(self._seats.slots)
                )
            if closed is not None:
                self._do_without(closed)
            return
        seat = self._seats.speaker(event)
        if seat is None:
            return
        pending = self._running[seat.trial]
        self._on_event(pending.job, event)
        if isinstance(event, EpochDone):
            pending.mishaps.epoch()
            self._keep(pending, event.checkpoint)
        elif isinstance(event, Finished):
            del self._running[seat.trial]
            self._keep(pending, event.checkpoint)
            if event.stopped:
                self._waiting.append(pending)
        elif isinstance(event, Crashed):
            del self._running[seat.trial]
            self._retry(pending, event.kind, event.error)
        elif isinstance(event, CheckpointLost):
            del self._running[seat.trial]
            self._start_over(pending, event)
        elif isinstance(event, DiskFull):
            raise StorageFull(event.error)

    def _do_without(self, closed: str) -> None:
        """A slot has been closed. Where it was the last one, what still waits has failed; the study stands."""
        log.error(closed)
        while self._waiting and not self._seats.slots:
            self._on_failure(self._waiting.pop(0).job, ErrorKind.LOST, f"no slot is left: {closed}")

    def _keep(self, pending: _Pending, saved: Saved | None) -> None:
        if saved is not None and saved != pending.job.checkpoint:
            pending.before = pending.job.checkpoint
            pending.job = replace(pending.job, checkpoint=saved)

    def _lose(self, pending: _Pending, event: SlotLost, *, forgiven: bool) -> None:
        log.warning("slot %d lost its worker: %s", event.slot, reason(event.error))
        may = pending.mishaps.may_go_on_after_loss(event.slot)
        if forgiven:
            pending.mishaps.forgive()
        pending.job = replace(pending.job, checkpoint_seconds=0.0)  # from here on an epoch that finishes is progress
        self._again(pending, may or forgiven, ErrorKind.LOST, event.error)

    def _start_over(self, pending: _Pending, event: CheckpointLost) -> None:
        before, pending.before = pending.before, None
        where = "starts over from its first epoch" if before is None else f"goes on from epoch {before.epoch}"
        log.warning("training %s: %s", where, event.error)
        pending.job = replace(pending.job, checkpoint=before, attempt=pending.job.attempt + 1)
        self._waiting.insert(0, pending)

    def _retry(self, pending: _Pending, kind: ErrorKind, error: str, slot: int | None = None) -> None:
        self._again(pending, pending.mishaps.may_retry(kind, self._retries, slot), kind, error)

    def _again(self, pending: _Pending, may: bool, kind: ErrorKind, error: str) -> None:
        if may:
            pending.job = replace(pending.job, attempt=pending.job.attempt + 1)
            self._waiting.insert(0, pending)
        else:
            self._on_failure(pending.job, kind, error)

    def _watch_the_clock(self) -> None:
        for seat in self._seats:
            hangs = self._ends.epoch_timeout(self._seats.seconds_since_progress(seat), started=seat.started)
            if hangs is not None:
                self._cut(seat, hangs)

    def _cut(self, seat: Seat, error: str) -> None:
        self._seats.kill(seat)
        pending = self._running.pop(seat.trial)
        closed = self._seats.judge(seat.slot.index, seat.trial, error)
        if closed is not None and self._seats.slots:
            pending.mishaps.forgive()
            self._again(pending, True, ErrorKind.TIMEOUT, error)
        else:
            self._retry(pending, ErrorKind.TIMEOUT, error, seat.slot.index)
        if closed is not None:
            self._do_without(closed)
