"""The one process that decides: asks the backend, hands trials to slots, writes what happens, in that order.

Everything that an event changes is first decided in memory, then written in one transaction, and only then do workers
hear of it. So a crash at any point leaves rows from which the same decisions follow.
"""

from __future__ import annotations

import logging
import math
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hpsearch.errors import StudyFailed
from hpsearch.execution.checkpoints import Checkpoints
from hpsearch.execution.executor import Executor, Slot
from hpsearch.execution.limits import Budget, End, meets_target
from hpsearch.execution.messages import Crashed, EpochDone, Event, Finished, Job, SlotLost, Started
from hpsearch.execution.progress import Observer
from hpsearch.execution.proposing import Proposer
from hpsearch.execution.records import Records
from hpsearch.execution.table import Table
from hpsearch.execution.telling import Telling
from hpsearch.search import NoProposal, SearchBackend, Verdict
from hpsearch.space import Space
from hpsearch.space.configuration import Configuration
from hpsearch.study import AttemptOutcome, ErrorKind, Study, Trial, TrialState
from hpsearch.training.task import Task

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0  # how often people's requests and the clock are looked at
_LOST_IN_A_ROW = 3  # workers lost at one trial with no epoch finished between


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a search runs: what is neither asked nor found out."""

    data_dir: str | None = None
    cache_dir: str | None = None
    keep_best: int = 0  # checkpoints of that many best trials are kept for an evaluation without a retrain


@dataclass(slots=True)
class _Live:
    """A trial that has not ended: what its row does not say."""

    attempts: int = 0
    retries: int = 0  # errors so far
    losses: int = 0  # lost workers since an epoch finished
    reported: int = 0  # the backend has the objective up to this epoch
    ended_by: End | None = None  # asked to stop, for this reason


@dataclass(slots=True)
class _Seat:
    """What a slot is doing."""

    trial: int
    attempt: int
    granted: int = 0  # epochs asked for and not yet reported
    closed: bool = False  # the attempt is closed; the slot is only waited for
    since: float = field(default=math.inf)  # clock of the last sign of progress; inf while data load


class Coordinator:
    """Runs one study's search on one executor.

    Args:
        study: its row.
        space: what it asks.
        backend: a fresh one; it is restored from the rows here.
        executor: an open one.
        records: the rows, through the study's lease.
        count_parameters: builds on paper; None where there is no model.
        setting: folders.
        observer: is shown progress.
        clock: seconds, for limits and time left.
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
    ) -> None:
        self._study = study
        self._space = space
        self._backend = backend
        self._executor = executor
        self._records = records
        self._count_parameters = count_parameters
        self._setting = setting
        self._observer = observer
        self._clock = clock
        self._objective = study.objective
        self._table = Table()
        self._live: dict[int, _Live] = {}
        self._waiting: list[int] = []  # numbers, ascending
        self._seats: dict[int, _Seat] = {}  # by slot index
        self._configurations: dict[int, Configuration] = {}
        self._budget = Budget(space.limits.max_epochs_total)
        self._orders: list[Callable[[], None]] = []  # to workers, once the rows are written
        self._exhausted = False  # nothing more to propose
        self._blocked = False  # the order rule, or a rung, waits for a trial to end
        self._end: End | None = None

    def stop(self, reason: End) -> None:
        """Ask for an end: running trials stop after their epoch's checkpoint. Safe to call from a signal handler."""
        if self._end is None or self._end.ends_the_search:
            self._end = reason

    def run(self) -> End:
        """Run the search to its end and say why it ended.

        Raises StudyFailed where the study cannot go on, LeaseLost and StorageFull from the store.
        """
        self._restore()
        stopping = False
        while True:
            self._look_at_requests()
            if self._end is not None and not stopping:
                stopping = True
                self._stop_all()
            if self._end is None:
                self._propose()
                self._dispatch()
            self._write()
            if not self._seats and (self._end is not None or (self._exhausted and not self._waiting)):
                return self._close_search(self._end or End.EXHAUSTED)
            timeout = 0.0 if self._end is None and self._may_propose() else _TICK_SECONDS
            for event in self._executor.wait(timeout):
                self._take(event)
            self._watch_the_clock()
            self._show()

    def _close_search(self, end: End) -> End:
        if end.ends_the_search:
            self._checkpoints.search_is_over()
            self._write()
        return end

    # The rows ------------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        history = self._records.load()
        known = history.trials[-1].known if history.trials else 0
        self._table = Table(history.trials)
        numbers = self._records.order_is_number
        told = [
            replace(trial, told=trial.told if not numbers else (trial.number if trial.number < known else None))
            for trial in history.trials
        ]
        if not numbers:
            known = sum(trial.told is not None for trial in told)
        self._backend.restore(told if self._backend.learns else [replace(trial, told=None) for trial in told])
        self._telling = Telling(self._backend, self._study.order, self._study.lag, known, self._records.told)
        self._proposer = Proposer(self._space, self._backend, self._telling, self._count_parameters)
        self._proposer.restore(self._table)
        self._checkpoints = Checkpoints(
            self._table,
            self._records,
            self._objective,
            self._setting.keep_best,
            self._space.epochs,
            history.checkpoints,
        )
        self._budget.taken = history.epochs_trained
        for trial in history.trials:
            if not trial.state.is_ended:
                self._revive(trial, history.attempts.get(trial.number, 0))
        self._write()

    def _revive(self, trial: Trial, attempts: int) -> None:
        self._live[trial.number] = _Live(attempts=attempts, reported=max(trial.values, default=0))
        self._configurations[trial.number] = self._space.configuration(trial.parameters)
        self._waiting.append(trial.number)
        if trial.state is TrialState.RUNNING:
            self._records.close_attempt(trial.number, attempts, AttemptOutcome.LOST, "the coordinator ended")
            self._move(trial, TrialState.WAITING)

    def _write(self) -> None:
        self._records.flush()
        orders, self._orders = self._orders, []
        for order in orders:
            order()

    def _move(self, trial: Trial, state: TrialState, **changes: object) -> Trial:
        now = datetime.now(UTC)
        if state is TrialState.RUNNING and trial.started_at is None:
            changes["started_at"] = now
        if state.is_ended:
            changes["ended_at"] = now
        moved: Trial = replace(trial, state=state, **changes)  # type: ignore[arg-type]  # names are Trial's own
        self._table.replace(moved)
        self._records.move(moved)
        return moved

    # Proposing and handing out -------------------------------------------------------------------------------

    def _may_propose(self) -> bool:
        """Whether the backend might have a trial for us now: proposals wait for slots, one for each at most."""
        if self._exhausted or self._blocked:
            return False
        ahead = len(self._executor.slots) if self._records.order_is_number else 0
        free = len(self._executor.slots) - len(self._seats)
        return len(self._waiting) < max(free, ahead)

    def _propose(self) -> None:
        """Draw until every free slot has a trial; beyond that, one a turn: a slow `ask` keeps nobody waiting."""
        free = len(self._executor.slots) - len(self._seats)
        while self._may_propose():
            self._draw()
            if len(self._waiting) >= max(free, 1):
                return

    def _draw(self) -> None:
        most = self._space.search.max_trials
        if most is not None and len(self._table.valid) >= most:
            self._exhausted = True
            return
        trial = self._proposer.next(self._table)
        if trial is NoProposal.EXHAUSTED:
            self._exhausted = True
        elif trial is NoProposal.WAIT:
            self._blocked = True
            if not self._live:  # nothing will end any more: nobody can be waited for
                self._exhausted = True
        elif isinstance(trial, Trial):
            self._enter(trial)

    def _enter(self, trial: Trial) -> None:
        self._table.add(trial)
        self._records.add_trial(trial)
        if trial.state is TrialState.INVALID:
            log.info("trial %d is invalid: %s", trial.number, trial.error)
            self._proposer.check(trial)
            self._telling.ended(trial)
            return
        parent = self._table[trial.parent] if trial.parent is not None else None
        if parent is not None and parent.state is not TrialState.COMPLETE:
            self._fail(trial, ErrorKind.PARENT_FAILED, f"its parent, trial {parent.number}, failed")
        elif parent is not None and parent.epochs_done < parent.epochs:  # early stopping ended it
            self._complete(trial, parent.epochs_done)
        else:
            self._live[trial.number] = _Live()
            self._configurations[trial.number] = self._space.configuration(trial.parameters)
            self._waiting.append(trial.number)

    def _dispatch(self) -> None:
        for slot in self._executor.slots:
            if slot.index in self._seats:
                continue
            if not self._waiting or self._budget.left == 0:
                break
            self._seat(slot, self._waiting.pop(0))
        if self._budget.left == 0 and not self._seats and (self._waiting or not self._exhausted):
            self._end = End.MAX_EPOCHS_TOTAL

    def _seat(self, slot: Slot, number: int) -> None:
        trial, live = self._table[number], self._live[number]
        live.attempts += 1
        checkpoint = self._checkpoints.of(trial)
        start = checkpoint.epoch if checkpoint is not None else 0
        trial = self._move(trial, TrialState.RUNNING, epochs_done=start)
        self._records.open_attempt(number, f"slot-{slot.index}", platform.node(), start)
        self._seats[slot.index] = _Seat(number, live.attempts)
        job = Job(
            trial=number,
            attempt=live.attempts,
            task=self._task(trial),
            checkpoint=checkpoint,
            checkpoint_dir=str(self._records.checkpoint_dir),
            final_checkpoint=self._checkpoints.wants_final(trial),
        )
        self._orders.append(lambda: self._executor.submit(slot, job))
        self._grant(slot, trial.epochs - start)

    def _task(self, trial: Trial) -> Task:
        return Task(
            configuration=self._configurations[trial.number],
            objective=self._objective,
            seed=trial.seed,
            split_seed=self._study.seed,
            epochs=trial.epochs,
            keep_weights=self._setting.keep_best > 0,
            deterministic=self._study.deterministic,
            data_dir=self._setting.data_dir,
            cache_dir=self._setting.cache_dir,
        )

    def _grant(self, slot: Slot, remaining: int) -> None:
        """Ask for as many epochs at once as can need no decision between them."""
        one_by_one = self._backend.prunes or self._space.limits.target is not None or self._budget.most is not None
        seat = self._seats[slot.index]
        seat.granted = self._budget.take(min(1, remaining) if one_by_one else remaining)
        if seat.granted > 0:
            epochs = seat.granted
            self._orders.append(lambda: self._executor.advance(slot, epochs))
        elif remaining > 0:
            self._stop_seat(slot, End.MAX_EPOCHS_TOTAL)

    # What workers say ----------------------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        if isinstance(event, SlotLost):
            self._take_loss(event)
            return
        slot = next(
            (s for s in self._executor.slots if self._holds(s, event.trial, event.attempt)),
            None,
        )
        if slot is None:  # a late word of a closed attempt
            return
        seat = self._seats[slot.index]
        seat.since = self._clock()
        if seat.closed:
            if isinstance(event, Finished | Crashed):
                del self._seats[slot.index]
        elif isinstance(event, Started):
            self._records.attempt_started(event)
        elif isinstance(event, EpochDone):
            self._take_epoch(slot, seat, event)
        elif isinstance(event, Finished):
            self._take_end(slot, event)
        else:
            self._take_crash(slot, event)

    def _holds(self, slot: Slot, trial: int, attempt: int) -> bool:
        seat = self._seats.get(slot.index)
        return seat is not None and (seat.trial, seat.attempt) == (trial, attempt)

    def _take_epoch(self, slot: Slot, seat: _Seat, event: EpochDone) -> None:
        trial, live = self._table[event.trial], self._live[event.trial]
        value = event.values[self._objective.metric]
        seat.granted -= 1
        live.losses = 0
        trial = self._with_epoch(trial, event, value)
        self._table.replace(trial)
        self._records.epoch(trial, event)
        if event.checkpoint is not None:
            self._checkpoints.keep(trial.number, event.checkpoint)
        if not math.isfinite(value):
            self._close(slot, AttemptOutcome.NAN, f"{self._objective.metric} was {value} after epoch {event.epoch}")
            self._fail(trial, ErrorKind.NAN, f"{self._objective.metric} was {value} after epoch {event.epoch}")
            return
        through = event.stopped_early or event.epoch >= trial.epochs
        verdict = self._verdict(trial, live, event.epoch, value)
        if through:
            pass  # Finished follows
        elif verdict is Verdict.PRUNE:
            self._close(slot, AttemptOutcome.PRUNED)
            self._ended(self._move(trial, TrialState.PRUNED, backend_state=self._table[trial.number].backend_state))
        elif meets_target(self._space.limits, self._objective, value):
            self._stop_seat(slot, End.TARGET)
        elif seat.granted == 0 and live.ended_by is None:
            self._grant(slot, trial.epochs - event.epoch)
        if meets_target(self._space.limits, self._objective, value) and self._end is None:
            self._end = End.TARGET

    def _with_epoch(self, trial: Trial, event: EpochDone, value: float) -> Trial:
        values: Mapping[int, float] = {**trial.values, event.epoch: value}
        inherited = self._table[trial.parent].value if trial.parent is not None else None
        best = self._objective.best([*values.values(), *([inherited] if inherited is not None else [])])
        best_epoch = next((epoch for epoch in sorted(values) if values[epoch] == best), None)
        if best is not None and best == inherited and trial.parent is not None:
            best_epoch = self._table[trial.parent].best_epoch
        return replace(
            trial,
            values=values,
            value=best,
            last_value=value,
            best_epoch=best_epoch,
            epochs_done=event.epoch,
            seconds=trial.seconds + event.seconds,
        )

    def _verdict(self, trial: Trial, live: _Live, epoch: int, value: float) -> Verdict:
        if not self._backend.prunes or epoch <= live.reported:  # an epoch trained again after a crash was judged then
            return Verdict.CONTINUE
        live.reported = epoch
        verdict = self._backend.report(trial.number, epoch, value)
        judged = replace(self._table[trial.number], backend_state=self._backend.state(trial.number))
        self._table.replace(judged)
        self._records.backend_state(judged)
        return verdict

    def _take_end(self, slot: Slot, event: Finished) -> None:
        trial, live = self._table[event.trial], self._live[event.trial]
        self._budget.give_back(self._seats.pop(slot.index).granted)
        if event.checkpoint is not None:
            self._checkpoints.keep(trial.number, event.checkpoint)
        if event.stopped and live.ended_by is not End.TARGET:
            self._records.close_attempt(
                trial.number, event.attempt, AttemptOutcome.STOPPED, None, event.peak_memory_bytes
            )
            live.ended_by = None
            self._requeue(trial)
            return
        self._records.close_attempt(trial.number, event.attempt, AttemptOutcome.COMPLETE, None, event.peak_memory_bytes)
        self._complete(trial, event.epoch)

    def _take_crash(self, slot: Slot, event: Crashed) -> None:
        trial, live = self._table[event.trial], self._live[event.trial]
        self._budget.give_back(self._seats.pop(slot.index).granted)
        outcome = AttemptOutcome(event.kind.value)
        self._records.close_attempt(trial.number, event.attempt, outcome, event.error, event.peak_memory_bytes)
        live.retries += 1
        if event.kind is ErrorKind.NAN or live.retries > self._space.limits.retries:
            self._fail(trial, event.kind, event.error)
        else:
            self._requeue(trial)

    def _take_loss(self, event: SlotLost) -> None:
        seat = self._seats.pop(event.slot, None)
        if seat is None or seat.closed:
            return
        trial, live = self._table[seat.trial], self._live[seat.trial]
        self._budget.give_back(seat.granted)
        self._records.close_attempt(seat.trial, seat.attempt, AttemptOutcome.LOST, event.error)
        log.warning("slot %d lost its worker during trial %d: %s", event.slot, seat.trial, event.error.splitlines()[0])
        live.losses += 1
        if live.losses >= _LOST_IN_A_ROW:
            self._fail(trial, ErrorKind.LOST, event.error)
        else:
            self._requeue(trial)

    # How trials end ------------------------------------------------------------------------------------------

    def _requeue(self, trial: Trial) -> None:
        self._move(trial, TrialState.WAITING)
        self._waiting.append(trial.number)
        self._waiting.sort()

    def _complete(self, trial: Trial, epochs_done: int) -> None:
        if trial.parent is not None and trial.value is None:  # nothing was trained: the parent had stopped early
            parent = self._table[trial.parent]
            trial = replace(trial, value=parent.value, last_value=parent.last_value, best_epoch=parent.best_epoch)
        trial = self._move(trial, TrialState.COMPLETE, epochs_done=epochs_done)
        log.info("trial %d complete: %s %.4f", trial.number, self._objective.metric, trial.value)
        self._ended(trial)

    def _fail(self, trial: Trial, kind: ErrorKind, error: str) -> None:
        trial = self._move(trial, TrialState.FAILED, error_kind=kind, error=error)
        log.warning("trial %d failed (%s): %s", trial.number, kind, _last_line(error))
        self._ended(trial)

    def _ended(self, trial: Trial) -> None:
        self._live.pop(trial.number, None)
        self._configurations.pop(trial.number, None)
        self._checkpoints.ended(trial)
        self._blocked = False
        self._telling.ended(trial)
        if self._table.consecutive_failures() >= self._space.limits.max_consecutive_failures:
            self._write()
            raise StudyFailed(
                f"{self._table.consecutive_failures()} trials in a row failed, the last, trial {trial.number}, with: "
                f"{_last_line(trial.error or '')}; `hpsearch show --study {self._study.name} --trial {trial.number}` "
                "prints the whole error"
            )

    def _close(self, slot: Slot, outcome: AttemptOutcome, error: str | None = None) -> None:
        """Close the slot's attempt at once; whatever its worker still says about it changes nothing."""
        seat = self._seats[slot.index]
        self._budget.give_back(seat.granted)
        seat.granted, seat.closed = 0, True
        self._records.close_attempt(seat.trial, seat.attempt, outcome, error)
        self._orders.append(lambda: self._executor.stop(slot, checkpoint=False))

    # Limits, people, the clock -------------------------------------------------------------------------------

    def _stop_all(self) -> None:
        for slot in self._executor.slots:
            seat = self._seats.get(slot.index)
            if seat is not None and not seat.closed and self._end is not None:
                self._stop_seat(slot, self._end)

    def _stop_seat(self, slot: Slot, reason: End) -> None:
        live = self._live[self._seats[slot.index].trial]
        if live.ended_by is None:
            # the trial that met the target is complete; the others wait
            live.ended_by = reason if reason is not End.TARGET or self._end is None else End.STOPPED
            self._orders.append(lambda: self._executor.stop(slot, checkpoint=True))

    def _look_at_requests(self) -> None:
        if self._end is None and self._records.stop_requested():
            log.info("asked to stop: running trials end after their epoch")
            self._end = End.STOPPED

    def _watch_the_clock(self) -> None:
        timeout = self._space.limits.timeout
        if timeout is not None and self._end is None and self._records.seconds_so_far() >= timeout:
            self._end = End.TIMEOUT
        now = self._clock()
        for slot in self._executor.slots:
            seat = self._seats.get(slot.index)
            if seat is None:
                continue
            if now - seat.since > self._space.limits.epoch_timeout:
                self._out_of_time(slot, seat, now - seat.since)

    def _out_of_time(self, slot: Slot, seat: _Seat, seconds: float) -> None:
        self._executor.kill(slot)
        del self._seats[slot.index]
        if seat.closed:
            return
        self._budget.give_back(seat.granted)
        error = f"no epoch finished in {seconds:.0f} s (epoch_timeout is {self._space.limits.epoch_timeout:.0f} s)"
        self._records.close_attempt(seat.trial, seat.attempt, AttemptOutcome.TIMEOUT, error)
        trial, live = self._table[seat.trial], self._live[seat.trial]
        live.retries += 1
        if live.retries > self._space.limits.retries:
            self._fail(trial, ErrorKind.TIMEOUT, error)
        else:
            self._requeue(trial)

    def _show(self) -> None:
        self._observer.show(self._table, {slot: seat.trial for slot, seat in self._seats.items()})


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
