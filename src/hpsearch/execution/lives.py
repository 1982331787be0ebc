"""The life of every trial: drawn, waiting, running, ended. Each step is noted for the rows and told to the backend."""

from __future__ import annotations

import bisect
import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hpsearch.execution.checkpoints import Checkpoints
from hpsearch.execution.ends import Ends
from hpsearch.execution.limits import End, ran_its_budget
from hpsearch.execution.messages import EpochDone, Saved
from hpsearch.execution.mishaps import Mishaps
from hpsearch.execution.outcomes import as_its_parent, with_epoch, with_parents_epoch, without_epochs_beyond
from hpsearch.execution.proposing import Proposer
from hpsearch.execution.records import History, Records
from hpsearch.execution.seating import Waiting
from hpsearch.execution.table import Table
from hpsearch.execution.telling import Telling
from hpsearch.search import NoProposal, SearchBackend, Verdict
from hpsearch.space import Space
from hpsearch.space.configuration import Configuration
from hpsearch.study import COORDINATOR_ENDED, AttemptOutcome, ErrorKind, Order, Study, Trial, TrialState, reason
from hpsearch.training.structure import sizeless_structure

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Living:
    """A trial that has not ended: what its row does not say."""

    configuration: Configuration
    attempts: int = 0
    mishaps: Mishaps = field(default_factory=Mishaps)
    reported: int = 0  # the backend has the objective up to this epoch
    structure: str | None = None  # equal for trials that one compiled epoch may serve

    def __post_init__(self) -> None:
        training = self.configuration.training
        if training["trainer"] != "simulated":
            self.structure = sizeless_structure(self.configuration.layers, training)


class Lives:
    """All trials of a study, as its rows say, and every step that one of them can take.

    Args:
        study: its row.
        space: what it asks.
        backend: a fresh one.
        records: the rows.
        count_parameters: builds on paper; None where there is no model.
        keep_best: kept weights of that many best trials stay for an evaluation.
        ends: hears of failures; its budget gets back what has to be trained again.
    """

    def __init__(
        self,
        study: Study,
        space: Space,
        backend: SearchBackend,
        records: Records,
        count_parameters: Callable[[Configuration], int] | None,
        keep_best: int,
        ends: Ends,
    ) -> None:
        self._study = study
        self._space = space
        self._objective = study.objective
        self._backend = backend
        self._records = records
        self._ends = ends
        self._living: dict[int, Living] = {}
        self._waiting: list[int] = []  # numbers, ascending
        self._exhausted = False  # nothing more to propose
        self._blocked = False  # the order rule, or a rung, waits for a trial to end
        self._count_parameters = count_parameters
        self._keep_best = keep_best

    def __getitem__(self, number: int) -> Trial:
        return self.table[number]

    @property
    def are_through(self) -> bool:
        """Whether nothing is left to propose or to run."""
        return self._exhausted and not self._waiting

    @property
    def waiting(self) -> list[Waiting]:
        """Who waits for a slot, in number order."""
        return [
            Waiting(number, living.mishaps.lost_on, living.mishaps.ooms > 0, living.structure)
            for number, living in ((number, self._living[number]) for number in self._waiting)
        ]

    def living(self, number: int) -> Living:
        """What is known of a trial that has not ended."""
        return self._living[number]

    # After a restart -----------------------------------------------------------------------------------------

    def restore(self) -> frozenset[int]:
        """Take up the rows, before anything else is asked of this; the slots that have worked on this host before."""
        with _collecting_nothing():
            return self._restore()

    def _restore(self) -> frozenset[int]:
        study, space = self._study, self._space
        history = self._records.load()
        self.table = Table(history.trials)
        known = self._restore_backend(history)
        self._telling = Telling(self._backend, study.order, study.lag, known, self._records.told)
        self._proposer = Proposer(space, self._backend, self._telling, self._count_parameters)
        self._proposer.restore(self.table)
        self.checkpoints = Checkpoints(
            self.table,
            self._records,
            self._objective,
            self._keep_best,
            lambda trial: ran_its_budget(trial, space.epochs_of(trial.parameters), space.limits, study.objective),
            space.epochs,
            self._backend.may_promote,
            history.checkpoints,
        )
        self.table.failed_in_a_row(space.limits.max_consecutive_failures)  # told once, not at every start
        self._ends.budget.taken = history.epochs_trained
        for trial in history.trials:
            if not trial.state.is_ended:
                self._revive(trial, history)
        self._look_at_the_target()
        return history.worked

    def _restore_backend(self, history: History) -> int:
        """Tell a fresh backend what it knew; how many trials that were."""
        trials = history.trials
        if not self._backend.learns:
            trials = [_told_at(trial, None) for trial in trials]
        elif self._study.order is Order.NUMBER:
            known = trials[-1].known if trials else 0
            trials = [_told_at(trial, trial.number if trial.number < known else None) for trial in trials]
        self._backend.restore(trials)
        return sum(trial.told is not None for trial in trials)

    def _revive(self, trial: Trial, history: History) -> None:
        attempts = history.attempts.get(trial.number, 0)
        self._living[trial.number] = Living(
            self._space.configuration(trial.parameters),
            attempts=attempts,
            mishaps=Mishaps(
                errors=history.errors.get(trial.number, 0),
                ooms=history.ooms.get(trial.number, 0),
                losses=history.losses.get(trial.number, 0),
                has_lost_a_worker=trial.number in history.have_lost_a_worker,
            ),
            reported=max(trial.values, default=0),
        )
        if trial.state is TrialState.RUNNING:
            self._records.close_attempt(trial.number, attempts, AttemptOutcome.LOST, COORDINATOR_ENDED)
        self.requeue(trial.number)

    def _look_at_the_target(self) -> None:
        """End a search that had met its target before: by a trial that has ended, or was about to."""
        met = [trial for trial in self.table if trial.value is not None and self._ends.is_at_target(trial.value)]
        met = [trial for trial in met if trial.error_kind is None]
        if not met:
            return
        self._ends.ask(End.TARGET)
        if not any(trial.state.is_ended for trial in met):
            self._waiting.remove(met[0].number)
            self.complete(met[0].number)

    # From a proposal to a slot -------------------------------------------------------------------------------

    def may_propose(self, slots: int, free: int) -> bool:
        """Whether the backend might have a trial for us now: proposals wait for slots, one for each at most."""
        if self._exhausted or self._blocked:
            return False
        ahead = slots if self._study.order is Order.NUMBER else 0
        if not self._backend.learns:  # some to choose from: slots prefer what they have compiled
            ahead *= 2
        return len(self._waiting) < max(free, ahead)

    def propose(self) -> None:
        """Draw one trial, or find that there is none now, or none any more."""
        most = self._space.search.max_trials
        if most is not None and len(self.table.valid) >= most:
            self._exhausted = True
            return
        trial = self._proposer.next(self.table)
        if trial is NoProposal.EXHAUSTED:
            self._exhausted = True
            if most is not None:
                self._say(f"the space is used up after {len(self.table.valid)} valid trials; max_trials is {most}")
        elif trial is NoProposal.WAIT:
            self._blocked = True
            if not self._living:  # nothing will end any more: nobody can be waited for
                self._exhausted = True
        elif isinstance(trial, Trial):
            self._enter(trial)

    def _enter(self, trial: Trial) -> None:
        self.table.add(trial)
        self._records.add_trial(trial)
        parent = self._parent(trial)
        if parent is not None:
            self.checkpoints.promoted(trial)
        if trial.state is TrialState.INVALID:
            log.info("trial %d is invalid: %s", trial.number, trial.error)
            self._telling.ended(trial)
            despair = self._proposer.despair()
            if despair is not None:
                self._ends.fail(despair)
        elif parent is not None and parent.state is not TrialState.COMPLETE:
            self.fail(trial.number, ErrorKind.PARENT_FAILED, f"its parent, trial {parent.number}, failed")
        elif parent is not None and parent.epochs_done < parent.epochs:  # early stopping ended it
            self.complete(trial.number)
        else:
            self._living[trial.number] = Living(self._space.configuration(trial.parameters))
            self._waiting.append(trial.number)

    def start(self, number: int) -> tuple[Trial, Saved | None]:
        """A waiting trial, now running, and the checkpoint that it goes on from."""
        trial = self.table[number]
        self._waiting.remove(number)
        self._living[trial.number].attempts += 1
        checkpoint = self.checkpoints.of(trial)
        start = checkpoint.epoch if checkpoint is not None else 0
        return self._move(replace(trial, epochs_done=start), TrialState.RUNNING), checkpoint

    # Epochs --------------------------------------------------------------------------------------------------

    def epoch(self, event: EpochDone) -> Verdict:
        """An epoch of a running trial has finished; what the backend says to it."""
        trial, living = self.table[event.trial], self._living[event.trial]
        living.mishaps.epoch()
        self.keep(trial.number, event.checkpoint)
        parent = self._parent(trial)
        if parent is not None and event.epoch <= parent.epochs_done:
            self._trained_again(with_parents_epoch(trial, event))
            return Verdict.CONTINUE
        trial = with_epoch(trial, parent, event, self._objective)
        self.table.replace(trial)
        self._records.epoch(trial, event)
        if not self._backend.prunes or event.epoch <= living.reported:  # one trained again was judged the first time
            return Verdict.CONTINUE
        living.reported = event.epoch
        verdict = self._backend.report(trial.number, event.epoch, event.values[self._objective.metric])
        judged = replace(trial, backend_state=self._backend.state(trial.number))
        self.table.replace(judged)
        self._records.backend_state(judged)
        return verdict

    def _trained_again(self, trial: Trial) -> None:
        """A promotion has trained an epoch of its parent's, whose row that is and for whom it was counted."""
        self._ends.budget.give_back(1)
        self.table.replace(trial)
        self._records.progress(trial)

    def keep(self, number: int, saved: Saved | None) -> None:
        """Take in a checkpoint of a trial, if one came."""
        if saved is not None:
            self.checkpoints.keep(number, saved)

    # Back to the queue, or to the end ------------------------------------------------------------------------

    def requeue(self, number: int) -> None:
        """Let a trial wait for a slot, to go on from its checkpoint; what it trained beyond is trained again."""
        trial = self.table[number]
        checkpoint = self.checkpoints.of(trial)
        kept = without_epochs_beyond(trial, checkpoint.epoch if checkpoint is not None else 0)
        self._ends.budget.give_back(len(trial.values) - len(kept.values))
        self.table.replace(kept)
        if kept.state is TrialState.RUNNING:
            self._move(kept, TrialState.WAITING)
        bisect.insort(self._waiting, number)

    def retry(self, number: int, kind: ErrorKind, error: str, slot: int | None = None) -> None:
        """An attempt has failed, where a worker hung in `slot`: another one, if it may have one."""
        if self._living[number].mishaps.may_retry(kind, self._space.limits.retries, slot):
            self.requeue(number)
        else:
            self.fail(number, kind, error)

    def lose(self, number: int, slot: int, error: str) -> None:
        """An attempt has lost its worker: another one, elsewhere if there is a slot, unless nothing comes of it."""
        if self._living[number].mishaps.may_go_on_after_loss(slot):
            self.requeue(number)
        else:
            self.fail(number, ErrorKind.LOST, error)

    def forgive(self, number: int) -> None:
        """It was the slot's fault, which is closed now: another attempt in another one."""
        self._living[number].mishaps.forgive()
        self.requeue(number)

    def go_on_without_checkpoint(self, number: int, error: str) -> None:
        """The checkpoint that an attempt was given is no good: the one before, or the first epoch, does as well."""
        trial = self.table[number]
        self.checkpoints.forget(trial)
        before = self.checkpoints.of(trial)
        where = "starts over from its first epoch" if before is None else f"goes on from epoch {before.epoch}"
        log.warning("trial %d %s: %s", number, where, error)
        self._records.event("checkpoint", f"trial {number} {where}: {error}")
        self.requeue(number)

    def complete(self, number: int) -> None:
        """A trial has its value; where it had nothing to train, its parent's."""
        trial = self.table[number]
        parent = self._parent(trial)
        if trial.value is None and parent is not None:
            trial = as_its_parent(trial, parent)
        trial = self._move(trial, TrialState.COMPLETE)
        log.info("trial %d complete: %s %.4f", number, self._objective.metric, trial.value)
        self._ended(trial)

    def prune(self, number: int) -> None:
        """The backend has ended a trial."""
        self._ended(self._move(self.table[number], TrialState.PRUNED))

    def fail(self, number: int, kind: ErrorKind, error: str) -> None:
        """A trial has failed for good."""
        log.warning("trial %d failed (%s): %s", number, kind, reason(error))
        self._ended(self._move(replace(self.table[number], error_kind=kind, error=error), TrialState.FAILED))

    def _ended(self, trial: Trial) -> None:
        self._living.pop(trial.number, None)
        self.checkpoints.ended(trial)
        self._blocked = False
        self._telling.ended(trial)
        most = self._space.limits.max_consecutive_failures
        last = self.table.failed_in_a_row(most)
        if last is not None:
            self._ends.fail(
                f"{most} trials in a row failed, the last, trial {last}, with: "
                f"{reason(self.table[last].error or '')}; "
                f"`hpsearch show --study {self._study.name} --trial {last}` prints the whole error"
            )

    def _move(self, trial: Trial, state: TrialState) -> Trial:
        now = datetime.now(UTC)
        moved = replace(
            trial,
            state=state,
            started_at=trial.started_at or (now if state is TrialState.RUNNING else None),
            ended_at=now if state.is_ended else None,
        )
        self.table.replace(moved)
        self._records.move(moved)
        return moved

    def _parent(self, trial: Trial) -> Trial | None:
        return None if trial.parent is None else self.table[trial.parent]

    def _say(self, text: str) -> None:
        log.info(text)
        self._records.event("search", text)


def _told_at(trial: Trial, place: int | None) -> Trial:
    """A trial as it was told; itself where its row says so already."""
    return trial if trial.told == place else replace(trial, told=place)


@contextmanager
def _collecting_nothing() -> Iterator[None]:
    """Rows by the ten thousand become objects that all stay: looking for garbage among them is a tenth of a restart."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
