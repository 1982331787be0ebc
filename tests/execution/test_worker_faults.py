"""Workers die, hang and run out of memory: a trial goes on, a bad slot is closed, a deadly trial fails."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from tests.execution.laboratory import FailingExecutor, PowerCut

from hpsearch.errors import StudyFailed
from hpsearch.execution.executor import Slot
from hpsearch.execution.limits import End
from hpsearch.execution.messages import Crashed, EpochDone, SlotLost, Started
from hpsearch.study import AttemptOutcome, ErrorKind, TrialState, reason

TRACEBACK = "Traceback (most recent call last):\n  ...\nResourceExhaustedError: OOM when allocating"


class Cursed(FailingExecutor):
    """Workers die as soon as they have started where `deadly(slot, trial)`; jobs run out of memory where `hungry`."""

    def __init__(self, slots, deadly=lambda slot, trial: False, hungry=lambda job: False, cut_after=None):
        super().__init__([Slot(index) for index in range(slots)], Random(3), cut_after=cut_after)
        self.jobs = []
        self._deadly = deadly
        self._hungry = hungry

    def submit(self, slot, job):
        self.jobs.append((slot.index, job, dict(self._jobs)))
        super().submit(slot, job)

    def wait(self, timeout_seconds):
        return [self._cursed(event) for event in super().wait(timeout_seconds)]

    def _cursed(self, event):
        if isinstance(event, Started):
            for index, running in list(self._jobs.items()):
                if (running.job.trial, running.job.attempt) != (event.trial, event.attempt):
                    continue
                if self._deadly(index, event.trial):
                    del self._jobs[index]
                    return SlotLost(index, event.trial, event.attempt, "the worker was killed by signal SIGSEGV")
                if self._hungry(running.job):
                    del self._jobs[index]
                    return Crashed(event.trial, event.attempt, ErrorKind.OOM, TRACEBACK, 5_000)
        return replace(event, peak_memory_bytes=4_000) if isinstance(event, EpochDone) else event


def attempts(laboratory, number):
    with laboratory.store() as store:
        return store.attempts(store.study("simulated").id, number)


def outcomes(laboratory, number):
    return [attempt.outcome for attempt in attempts(laboratory, number)]


def events(laboratory, kind):
    with laboratory.store() as store:
        return [event.text for event in store.events(store.study("simulated").id) if event.kind == kind]


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_a_trial_that_kills_three_workers_without_an_epoch_fails_as_lost_and_the_study_goes_on(laboratory, slots):
    laboratory.run(laboratory.space(), name="calm", slots=slots)
    space = laboratory.space(limits={"retries": 0})

    end = laboratory.run(space, executor=Cursed(slots, lambda slot, trial: trial == 5), slots=slots)

    assert end is End.EXHAUSTED
    calm, table = laboratory.table("calm"), laboratory.table()
    assert [row for row in table if row[0] != 5] == [row for row in calm if row[0] != 5]
    failed = laboratory.trials()[5]
    assert (failed.state, failed.error_kind) == (TrialState.FAILED, ErrorKind.LOST)
    assert failed.error == "the worker was killed by signal SIGSEGV"
    assert outcomes(laboratory, 5) == [AttemptOutcome.LOST] * 3
    assert events(laboratory, "slot") == []


def test_lost_workers_are_counted_over_restarts_and_a_coordinators_end_is_none(laboratory):
    def deadly(slot, trial):
        return trial == 5

    for words in range(1, 80):  # ever later, so that many ends fall amid trial 5
        try:
            laboratory.run(laboratory.space(), executor=Cursed(2, deadly, cut_after=words), slots=2)
            break
        except PowerCut:
            continue

    told = [attempt.error for attempt in attempts(laboratory, 5)]
    assert "the coordinator ended" in told
    assert told.count("the worker was killed by signal SIGSEGV") == 3
    assert laboratory.trials()[5].error_kind is ErrorKind.LOST


def test_a_slot_whose_worker_dies_three_times_before_its_first_epoch_is_closed_and_costs_no_trial(laboratory, caplog):
    laboratory.run(laboratory.space(), name="calm", slots=2)

    end = laboratory.run(laboratory.space(), executor=Cursed(2, lambda slot, trial: slot == 0), slots=2)

    assert end is End.EXHAUSTED
    assert laboratory.table() == laboratory.table("calm")
    (told,) = events(laboratory, "slot")
    assert told.startswith("slot 0 is closed: its worker died 3 times before it finished an epoch")
    assert told in [record.message for record in caplog.records if record.levelname == "ERROR"]
    lost = [attempt for number in range(12) for attempt in attempts(laboratory, number)]
    assert [attempt.outcome for attempt in lost].count(AttemptOutcome.LOST) == 3


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_when_the_last_slot_closes_the_study_ends_as_failed_and_goes_on_when_the_machine_is_well(laboratory, slots):
    laboratory.run(laboratory.space(), name="calm", slots=slots)

    with pytest.raises(StudyFailed, match=r"no slot is left: slot \d is closed: its worker died 3 times"):
        laboratory.run(laboratory.space(), executor=Cursed(slots, lambda slot, trial: True), slots=slots)

    assert len(events(laboratory, "slot")) == slots
    failed = [trial.number for trial in laboratory.trials() if trial.state is TrialState.FAILED]
    assert len(failed) <= slots
    assert laboratory.run(laboratory.space(), slots=slots) is End.EXHAUSTED
    well = [row for row in laboratory.table() if row[0] not in failed]
    assert well == [row for row in laboratory.table("calm") if row[0] not in failed]


def test_out_of_memory_is_tried_once_more_alone_on_its_device_whatever_retries_says(laboratory):
    laboratory.run(laboratory.space(), name="calm", slots=3)
    executor = Cursed(3, hungry=lambda job: job.trial in (2, 7) and not job.alone)

    laboratory.run(laboratory.space(limits={"retries": 0}), executor=executor, slots=3)

    assert laboratory.table() == laboratory.table("calm")
    alone = [(job.trial, job.attempt, others) for _, job, others in executor.jobs if job.alone]
    assert alone == [(2, 2, {}), (7, 2, {})]
    assert outcomes(laboratory, 2) == [AttemptOutcome.OOM, AttemptOutcome.COMPLETE]


def test_what_runs_out_of_memory_alone_fails_as_oom_also_over_a_restart(laboratory):
    def hungry(job):
        return job.trial == 2

    words = 1
    while True:
        try:
            laboratory.run(laboratory.space(), executor=Cursed(2, hungry=hungry, cut_after=words), slots=2)
            break
        except PowerCut:
            words += 1

    failed = laboratory.trials()[2]
    assert (failed.state, failed.error_kind, failed.error) == (TrialState.FAILED, ErrorKind.OOM, TRACEBACK)
    assert outcomes(laboratory, 2).count(AttemptOutcome.OOM) == 2


def test_an_attempt_that_did_not_end_by_itself_has_the_memory_that_its_worker_last_told(laboratory):
    space = laboratory.space(search={"backend": "optuna", "pruner": "median", "max_trials": 12})

    laboratory.run(space, executor=Cursed(2), slots=2)

    told = [attempt for number in range(12) for attempt in attempts(laboratory, number)]
    pruned = [attempt.peak_memory_bytes for attempt in told if attempt.outcome is AttemptOutcome.PRUNED]
    assert pruned
    assert set(pruned) == {4_000}


class DeadlyEpoch(FailingExecutor):
    """Trial 5 kills its worker in every second epoch that it would train first."""

    def __init__(self, slots, cut_after=None):
        super().__init__([Slot(index) for index in range(slots)], Random(3), cut_after=cut_after)
        self.deaths = 0

    def wait(self, timeout_seconds):
        return [self._deadly(event) for event in super().wait(timeout_seconds)]

    def _deadly(self, event):
        if not isinstance(event, EpochDone) or (event.trial, event.epoch) != (5, 2):
            return event
        self.deaths += 1
        assert self.deaths < 20
        index = next(index for index, running in self._jobs.items() if running.job.trial == 5)
        del self._jobs[index]
        return SlotLost(index, event.trial, event.attempt, "the worker was killed by signal SIGSEGV")


@pytest.mark.parametrize("slots", [1, 2])
def test_a_trial_that_always_kills_its_worker_in_the_same_epoch_fails_as_lost(laboratory, slots):
    executor = DeadlyEpoch(slots)

    end = laboratory.run(laboratory.space(), executor=executor, slots=slots)

    assert end is End.EXHAUSTED
    assert laboratory.trials()[5].error_kind is ErrorKind.LOST
    assert executor.deaths == 4  # the first attempt had made no checkpoint, the others train epoch 2 alone


@pytest.mark.parametrize("slots", [1, 2])
def test_several_deadly_trials_in_a_row_fail_and_close_no_slot_that_has_worked(laboratory, slots):
    end = laboratory.run(laboratory.space(), executor=Cursed(slots, lambda slot, trial: trial in (5, 6)), slots=slots)

    assert end is End.EXHAUSTED
    failed = [trial.number for trial in laboratory.trials() if trial.state is TrialState.FAILED]
    assert failed == [5, 6]


def test_a_slot_that_has_worked_before_a_restart_is_not_closed_for_the_first_deadly_trial_after_it(laboratory):
    for words in range(20, 80):
        with contextlib.suppress(PowerCut):
            laboratory.run(laboratory.space(), cut_after=words)
        if laboratory.trials()[-1].number >= 4:
            break

    end = laboratory.run(laboratory.space(), executor=Cursed(1, lambda slot, trial: trial == 5))

    assert end is End.EXHAUSTED
    assert [trial.number for trial in laboratory.trials() if trial.state is TrialState.FAILED] == [5]


@pytest.mark.parametrize(
    "search",
    [
        {"backend": "random", "max_trials": 2},
        {"backend": "optuna", "max_trials": 8, "order": "finished"},
        {"backend": "bayesian", "max_trials": 8, "lag": 1},
    ],
)
def test_a_bad_slot_costs_no_trial_where_there_is_a_good_one(laboratory, search):
    space = laboratory.space(search=search)

    end = laboratory.run(space, executor=Cursed(2, lambda slot, trial: slot == 0), slots=2)

    assert end is End.EXHAUSTED
    assert {trial.state for trial in laboratory.trials()} == {TrialState.COMPLETE}


class Hanging(FailingExecutor):
    """No worker of slot 0 ever finishes an epoch."""

    def submit(self, slot, job):
        super().submit(slot, job if slot.index != 0 else replace(job, granted=0))

    def advance(self, slot, epochs=1, checkpoint=False):
        if slot.index != 0:
            super().advance(slot, epochs, checkpoint)


def test_a_slot_whose_workers_only_hang_is_closed_and_costs_no_trial(laboratory):
    laboratory.run(laboratory.space(), name="calm", slots=2)
    space = laboratory.space(limits={"epoch_timeout": "4s"})

    laboratory.run(space, executor=Hanging([Slot(0), Slot(1)], Random(2)), slots=2)

    assert laboratory.table() == laboratory.table("calm")
    (told,) = events(laboratory, "slot")
    assert told.startswith("slot 0 is closed")
    assert "no epoch finished in" in told


class DiesAtTheTarget(FailingExecutor):
    """The worker whose epoch meets the target dies before it can say that it has ended."""

    def wait(self, timeout_seconds):
        events = super().wait(timeout_seconds)
        for event in events:
            if isinstance(event, EpochDone) and event.values["val_accuracy"] >= 0.42:
                index = next(index for index, running in self._jobs.items() if running.job.trial == event.trial)
                del self._jobs[index]
                return [*events, SlotLost(index, event.trial, event.attempt, "the worker was killed by signal SIGKILL")]
        return events


def test_the_trial_that_met_the_target_is_complete_though_its_worker_died_the_moment_after(laboratory):
    space = laboratory.space(limits={"target": 0.42})

    end = laboratory.run(space, executor=DiesAtTheTarget([Slot(0)], Random(0)))

    assert end is End.TARGET
    best = max(laboratory.trials(), key=lambda trial: trial.value or 0.0)
    assert best.state is TrialState.COMPLETE
    assert best.value >= 0.42


def test_a_loss_that_is_no_number_ends_a_trial_at_once_and_is_never_retried(laboratory):
    training = {"trainer": "simulated", "epochs": 4, "nan_rate": 0.5}

    laboratory.run(laboratory.space(training=training, limits={"retries": 5, "max_consecutive_failures": 50}), slots=2)

    failed = [trial for trial in laboratory.trials() if trial.state is TrialState.FAILED]
    assert failed
    for trial in failed:
        assert trial.error_kind is ErrorKind.NAN
        assert "The loss became NaN in epoch" in reason(trial.error)
        assert outcomes(laboratory, trial.number) == [AttemptOutcome.NAN]


@pytest.mark.parametrize("retries", [0, 2])
def test_an_error_costs_one_of_retries_and_its_whole_traceback_is_kept(laboratory, retries):
    training = {"trainer": "simulated", "epochs": 4, "failure_rate": 0.5}
    limits = {"retries": retries, "max_consecutive_failures": 50}

    laboratory.run(laboratory.space(training=training, limits=limits), slots=2)

    failed = [trial for trial in laboratory.trials() if trial.state is TrialState.FAILED]
    assert failed
    for trial in failed:
        assert trial.error.startswith("Traceback (most recent call last):")
        assert reason(trial.error).startswith("RuntimeError: Simulated failure in epoch")
        assert outcomes(laboratory, trial.number) == [AttemptOutcome.ERROR] * (retries + 1)


def test_failures_count_as_the_worst_of_their_rung_and_do_not_shrink_the_rungs_above(laboratory):
    search = {"backend": "hyperband", "max_epochs": 27, "factor": 3}
    limits = {"retries": 0, "max_consecutive_failures": 100}
    laboratory.run(laboratory.space(training={"trainer": "simulated"}, search=search), name="calm", slots=3)

    failing = laboratory.space(training={"trainer": "simulated", "failure_rate": 0.8}, search=search, limits=limits)
    laboratory.run(failing, slots=3)

    def rungs(name):
        return Counter((trial.bracket, trial.rung) for trial in laboratory.trials(name))

    trials = laboratory.trials()
    promoted = {trial.parent for trial in trials if trial.parent is not None}
    failed = {trial.number for trial in trials if trial.error_kind is ErrorKind.ERROR}
    assert rungs("simulated") == rungs("calm")
    assert len(failed) > 10
    assert not failed & promoted  # there were enough that did not fail


def test_a_study_goes_on_on_other_devices(laboratory):
    laboratory.run(laboratory.space(), name="calm", slots=2)
    with pytest.raises(PowerCut):
        laboratory.run(laboratory.space(), slots=2, cut_after=20)
    gpus = [Slot(0, gpu="0"), Slot(1, gpu="1"), Slot(2, gpu="0", gpu_memory_bytes=2**30)]

    laboratory.run(laboratory.space(), executor=FailingExecutor(gpus, Random(4)))

    assert laboratory.table() == laboratory.table("calm")


class Frozen(FailingExecutor):
    """The first worker that gets trial 3 never says a word."""

    def submit(self, slot, job):
        if (job.trial, job.attempt) != (3, 1):
            super().submit(slot, job)


def test_a_worker_that_never_gets_its_data_and_model_ready_is_ended_after_half_an_hour(laboratory):
    laboratory.run(laboratory.space(), name="calm", slots=2)
    executor = Frozen([Slot(0), Slot(1)], Random(0))

    laboratory.run(laboratory.space(limits={"trial_timeout": "20s"}), executor=executor, slots=2)

    assert laboratory.table() == laboratory.table("calm")
    assert outcomes(laboratory, 3) == [AttemptOutcome.TIMEOUT, AttemptOutcome.COMPLETE]
    assert 1_800 < executor.now < 1_900


class Stuttering(FailingExecutor):
    """Says every epoch twice, and every word again after its attempt has been closed."""

    def __init__(self, slots):
        super().__init__([Slot(index) for index in range(slots)], Random(3), losses=0.15)
        self._said = []

    def wait(self, timeout_seconds):
        events = list(super().wait(timeout_seconds))
        epochs = [event for event in events if isinstance(event, EpochDone)]
        late, self._said = self._said, [*self._said[-20:], *(e for e in events if not isinstance(e, SlotLost))]
        return [*events[:1], *epochs, *events[1:], *late]


@pytest.mark.parametrize(
    "sections",
    [
        {"search": {"backend": "hyperband", "max_epochs": 9, "factor": 3}, "training": {"trainer": "simulated"}},
        {"search": {"backend": "optuna", "pruner": "median", "max_trials": 12}},
    ],
)
def test_what_is_said_twice_or_too_late_changes_nothing(laboratory, sections):
    space = laboratory.space(**sections)
    laboratory.run(space, name="calm")

    laboratory.run(space, executor=Stuttering(1))

    assert laboratory.table() == laboratory.table("calm")
    with laboratory.store() as store:
        trained = [(trial, epoch) for trial, epoch, _ in store.epoch_seconds(store.study("simulated").id)]
    assert len(trained) == len(set(trained))
    assert AttemptOutcome.LOST in {outcome for number in range(12) for outcome in outcomes(laboratory, number)}
