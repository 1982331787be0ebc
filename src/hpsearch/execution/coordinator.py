"""The one process that decides: asks the backend, hands trials to slots, writes what happens, in that order.

Everything that an event changes is first decided in memory, then written in one transaction, and only then do workers
hear of it. So a crash at any point leaves rows from which the same decisions follow.
"""

from __future__ import annotations

import logging
import math
import platform
import time
from collections.abc import Callable

from hpsearch.errors import StorageFull, StudyFailed
from hpsearch.execution.ends import Ends
from hpsearch.execution.executor import Executor, Slot
from hpsearch.execution.limits import End
from hpsearch.execution.lives import Lives
from hpsearch.execution.messages import (
    CheckpointLost,
    Crashed,
    DiskFull,
    EpochDone,
    Event,
    Finished,
    Job,
    SlotLost,
    Started,
    Word,
)
from hpsearch.execution.progress import Observer
from hpsearch.execution.records import Records
from hpsearch.execution.seating import Waiting, assign
from hpsearch.execution.seats import Seat, Seats
from hpsearch.execution.setting import Setting
from hpsearch.search import SearchBackend, Verdict
from hpsearch.space import Space
from hpsearch.space.configuration import Configuration
from hpsearch.study import AttemptOutcome, ErrorKind, Study, Trial, reason
from hpsearch.training.task import Task

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0  # how often people's requests and the clock are looked at


class Coordinator:
    """Runs one study's search on one executor: which slot does what, and when it is to stop.

    Args:
        study: its row.
        space: what it asks.
        backend: a fresh one; it is restored from the rows.
        executor: an open one.
        records: the rows, through the study's lease.
        count_parameters: builds on paper; None where there is no model.
        setting: folders.
        observer: is shown progress.
        clock: seconds, for limits and time left.
        unsaid: why the study has failed, where the coordinator that decided so died before it could say it.
    """

    def __init__(
        self,
        study: Study,
        space: Space,
        backend: SearchBackend,
        executor: Executor,
        records: Records,
        count_parameters: Callable[[Configuration], int] | None,
        setting: Setting,
        observer: Observer,
        clock: Callable[[], float] = time.monotonic,
        unsaid: str | None = None,
    ) -> None:
        self._study = study
        self._unsaid = unsaid
        self._failure_is_written = False
        self._executor = executor
        self._records = records
        self._setting = setting
        self._observer = observer
        self._metric = study.objective.metric
        self._ends = Ends(space.limits, study.objective)
        self._one_by_one = backend.prunes or self._ends.may_come_at_any_epoch
        self._seats = Seats(executor, clock)
        self._trials = Lives(study, space, backend, records, count_parameters, setting.keep_best, self._ends)

    def stop(self, reason: End) -> None:
        """Ask for an end: running trials stop after their epoch's checkpoint. Safe to call from a signal handler."""
        self._ends.ask(reason)

    def run(self) -> End:
        """Run the search to its end and say why it ended.

        Raises StudyFailed where the study cannot go on, LeaseLost from the store, StorageFull from it and from workers.
        """
        self._seats.trust(self._trials.restore())
        if self._unsaid is not None:
            self._ends.fail(self._unsaid)
        nothing_new = False
        while True:
            self._look_around()
            self._dispatch()
            if self._seats.has_orders or not nothing_new:
                self._write()
            if self._is_over():
                return self._close()
            may_propose = self._may_propose()
            if may_propose:  # one a turn, after the orders are out: nobody waits for a slow `ask`
                self._trials.propose()
            events = self._executor.wait(0.0 if may_propose else _TICK_SECONDS)
            for event in events:
                self._take(event)
            nothing_new = may_propose and not events  # a proposal that no slot takes yet is written with what follows
            self._watch_the_clock()
            self._observer.show(self._trials.table, {seat.slot.index: seat.trial for seat in self._seats})

    def _is_over(self) -> bool:
        return not self._seats and (self._ends.reason is not None or self._trials.are_through)

    def _close(self) -> End:
        if self._ends.reason is None:  # after a limit they stay: it may be raised, and promotions go on from them
            self._trials.checkpoints.search_is_over()
        self._records.flush(last=True)
        self._records.remove_strays()
        if self._ends.failure is not None:
            raise StudyFailed(self._ends.failure)
        return self._ends.reason or End.EXHAUSTED

    def _write(self) -> None:
        if self._ends.failure is not None and not self._failure_is_written:
            self._failure_is_written = True
            self._records.study_failed(self._ends.failure)
        self._records.flush()
        self._seats.send()

    # To the slots --------------------------------------------------------------------------------------------

    def _may_propose(self) -> bool:
        return self._ends.reason is None and self._trials.may_propose(len(self._seats.slots), len(self._seats.free))

    def _dispatch(self) -> None:
        """Give waiting trials to free slots, the lowest number first."""
        if self._ends.reason is not None:
            return
        budget = self._ends.budget
        for slot, waiting in assign(self._trials.waiting, self._seats.slots, self._seats.busy, self._seats.compiled):
            if budget.left == 0:
                break
            self._seat(slot, waiting)
        if budget.left == 0 and not self._seats and not self._trials.are_through:
            self._ends.ask(End.MAX_EPOCHS_TOTAL)

    def _seat(self, slot: Slot, waiting: Waiting) -> None:
        trial, checkpoint = self._trials.start(waiting.trial)
        living = self._trials.living(trial.number)
        self._records.open_attempt(trial.number, f"slot-{slot.index}", platform.node(), trial.epochs_done)
        job = Job(
            trial=trial.number,
            attempt=living.attempts,
            task=self._task(trial, living.configuration),
            granted=self._granted(trial.epochs - trial.epochs_done),
            checkpoint=checkpoint,
            checkpoint_dir=str(self._records.checkpoint_dir),
            final_checkpoint=self._trials.checkpoints.wants_final(trial),
            only_from=self._trials.checkpoints.only_from(trial),
            alone=waiting.alone,
            checkpoint_seconds=0.0 if living.mishaps.has_lost_a_worker else self._setting.checkpoint_seconds,
        )
        seat = self._seats.seat(slot, job, waiting)
        if job.granted == 0 and trial.epochs > trial.epochs_done:
            self._seats.stop(seat)

    def _task(self, trial: Trial, configuration: Configuration) -> Task:
        return Task(
            configuration=configuration,
            objective=self._study.objective,
            seed=trial.seed,
            split_seed=self._study.seed,
            epochs=trial.epochs,
            keep_weights=self._setting.keep_best > 0,
            deterministic=self._study.deterministic,
            data_dir=self._setting.data_dir,
            cache_dir=self._setting.cache_dir,
        )

    def _granted(self, remaining: int) -> int:
        """As many epochs at once as can need no decision between them, and as the budget has left."""
        return self._ends.budget.take(min(1, remaining) if self._one_by_one else remaining)

    def _go_on(self, seat: Seat, remaining: int) -> None:
        """Ask for more epochs."""
        epochs = self._granted(remaining)
        if epochs > 0:
            self._seats.advance(seat, epochs)
        elif remaining > 0:
            self._seats.stop(seat)

    # From the workers ----------------------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        if isinstance(event, SlotLost):
            self._take_loss(event)
            return
        seat = self._seats.speaker(event)
        if seat is None or seat.closed:
            self._discard(event)
        elif isinstance(event, Started):
            self._records.attempt_started(event)
        elif isinstance(event, EpochDone):
            self._take_epoch(seat, event)
        elif isinstance(event, Finished):
            self._take_end(seat, event)
        elif isinstance(event, Crashed):
            self._take_crash(seat, event)
        elif isinstance(event, DiskFull):
            raise StorageFull(event.error)
        else:
            self._take_lost_checkpoint(seat, event)

    def _discard(self, event: Word) -> None:
        """The late word of a closed attempt changes nothing; a checkpoint that comes with it goes."""
        if isinstance(event, EpochDone | Finished) and event.checkpoint is not None:
            self._records.drop_checkpoint(event.checkpoint)

    def _take_epoch(self, seat: Seat, event: EpochDone) -> None:
        if event.epoch <= self._trials[seat.trial].epochs_done:  # said twice
            return
        seat.granted -= 1
        verdict = self._trials.epoch(event)
        trial, value = self._trials[seat.trial], event.values[self._metric]
        late = self._ends.trial_timeout(trial.seconds)
        if not math.isfinite(value):
            self._give_up(seat, ErrorKind.NAN, f"{self._metric} was {value} after epoch {event.epoch}")
        elif self._ends.by_target(value):
            seat.met_target = True
            self._seats.stop(seat)
        elif late is not None:
            self._give_up(seat, ErrorKind.TIMEOUT, late)
        elif event.stopped_early or event.epoch >= trial.epochs:
            return  # Finished follows
        elif verdict is Verdict.PRUNE:
            self._close_attempt(seat, AttemptOutcome.PRUNED)
            self._trials.prune(seat.trial)
        elif seat.granted == 0 and not seat.stopping and self._ends.reason is None:
            self._go_on(seat, trial.epochs - event.epoch)

    def _take_end(self, seat: Seat, event: Finished) -> None:
        self._ends.budget.give_back(seat.granted)
        self._trials.keep(seat.trial, event.checkpoint)
        # the trial that met the target is complete with the epochs that it has, the others wait
        waits = event.stopped and not seat.met_target
        outcome = AttemptOutcome.STOPPED if waits else AttemptOutcome.COMPLETE
        self._records.close_attempt(seat.trial, seat.attempt, outcome, None, event.peak_memory_bytes)
        if waits:
            self._trials.requeue(seat.trial)
        else:
            self._trials.complete(seat.trial)

    def _take_crash(self, seat: Seat, event: Crashed) -> None:
        self._ends.budget.give_back(seat.granted)
        outcome = AttemptOutcome(event.kind.value)
        self._records.close_attempt(seat.trial, seat.attempt, outcome, event.error, event.peak_memory_bytes)
        if seat.met_target:  # it has what it was asked for
            self._trials.complete(seat.trial)
        else:
            self._trials.retry(seat.trial, event.kind, event.error)

    def _take_lost_checkpoint(self, seat: Seat, event: CheckpointLost) -> None:
        self._ends.budget.give_back(seat.granted)
        self._records.close_attempt(seat.trial, seat.attempt, AttemptOutcome.LOST, event.error)
        self._trials.go_on_without_checkpoint(seat.trial, event.error)

    def _take_loss(self, event: SlotLost) -> None:
        seat, closed = self._seats.lose(event)
        if seat is not None and not seat.closed:
            log.warning("slot %d lost its worker during trial %d: %s", event.slot, seat.trial, reason(event.error))
            self._ends.budget.give_back(seat.granted)
            self._records.close_attempt(seat.trial, seat.attempt, AttemptOutcome.LOST, event.error, seat.peak)
            self._records.worker_gone(seat.trial)
            if seat.met_target:
                self._trials.complete(seat.trial)
            elif closed is not None and self._seats.slots:
                self._trials.forgive(seat.trial)
            else:
                self._trials.lose(seat.trial, event.slot, event.error)
        if closed is not None:
            self._do_without(closed)

    def _do_without(self, closed: str) -> None:
        """A slot has been closed."""
        log.error(closed)
        self._records.event("slot", closed)
        if not self._seats.slots:
            self._ends.fail(f"no slot is left: {closed}")

    def _give_up(self, seat: Seat, kind: ErrorKind, error: str) -> None:
        """Fail a trial in the middle of its attempt."""
        self._close_attempt(seat, AttemptOutcome(kind.value), error)
        self._trials.fail(seat.trial, kind, error)

    def _close_attempt(self, seat: Seat, outcome: AttemptOutcome, error: str | None = None) -> None:
        """Close an attempt at once; whatever its worker still says about it changes nothing."""
        self._ends.budget.give_back(seat.granted)
        seat.granted = 0
        self._records.close_attempt(seat.trial, seat.attempt, outcome, error, seat.peak)
        self._seats.close(seat)

    # People and the clock ------------------------------------------------------------------------------------

    def _look_around(self) -> None:
        if self._ends.reason is None and self._records.stop_requested():
            log.info("asked to stop: running trials end after their epoch")
            self._ends.ask(End.STOPPED)
        self._ends.look_at_the_clock(self._records.seconds_so_far())
        if self._ends.reason is not None:
            for seat in self._seats:
                self._seats.stop(seat)

    def _watch_the_clock(self) -> None:
        """End what takes too long amid its epoch, with its worker."""
        for seat in self._seats:
            silent = self._seats.seconds_since_progress(seat)
            hangs = self._ends.epoch_timeout(silent, started=seat.started)
            late = self._ends.trial_timeout(self._trials[seat.trial].seconds + (silent if seat.started else 0.0))
            if seat.closed:
                if hangs is not None:
                    self._seats.kill(seat)
            elif seat.met_target and (late is not None or hangs is not None):
                self._cut(seat, late or hangs or "")
                self._trials.complete(seat.trial)
            elif late is not None:
                self._cut(seat, late)
                self._trials.fail(seat.trial, ErrorKind.TIMEOUT, late)
            elif hangs is not None:
                self._cut(seat, hangs)
                self._give_up_on_hanging(seat, hangs)

    def _cut(self, seat: Seat, error: str) -> None:
        self._ends.budget.give_back(seat.granted)
        self._records.close_attempt(seat.trial, seat.attempt, AttemptOutcome.TIMEOUT, error, seat.peak)
        self._records.worker_gone(seat.trial)
        self._seats.kill(seat)

    def _give_up_on_hanging(self, seat: Seat, error: str) -> None:
        """A worker that hangs speaks against its slot as a dead one does."""
        closed = self._seats.judge(seat.slot.index, seat.trial, error)
        if closed is not None and self._seats.slots:
            self._trials.forgive(seat.trial)
        else:
            self._trials.retry(seat.trial, ErrorKind.TIMEOUT, error, seat.slot.index)
        if closed is not None:
            self._do_without(closed)
