"""Limits end a search, not a study; failures end both; whatever is cut short goes on later as if nothing had been."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tests.execution.laboratory import FailingExecutor, PowerCut

from hpsearch.errors import LeaseLost, StudyFailed
from hpsearch.execution.executor import Slot
from hpsearch.execution.limits import End, ran_its_budget
from hpsearch.execution.table import Table
from hpsearch.space.settings import Limits
from hpsearch.study import AttemptOutcome, Direction, ErrorKind, Objective, Trial, TrialState

HYPERBAND = {"training": {"trainer": "simulated"}, "search": {"backend": "hyperband", "max_epochs": 9, "factor": 3}}


def _a_value_reached_late(table):
    """A target that the search meets, but not at once."""
    reached, best = [], 0.0
    for row in table:
        best = max(best, row[8])
        reached.append(best)
    return next(value for value in reached[4:] if value > reached[0])


def _epochs(laboratory, name="simulated"):
    return sum(len(trial.values) for trial in laboratory.trials(name))


def test_a_target_completes_the_trial_that_met_it_and_the_others_wait(laboratory):
    laboratory.run(laboratory.space(), name="calm")
    target = _a_value_reached_late(laboratory.table("calm"))

    end = laboratory.run(laboratory.space(limits={"target": target}), slots=3)

    states = {trial.state for trial in laboratory.trials()}
    met = [trial for trial in laboratory.trials() if trial.value is not None and trial.value >= target]
    assert end is End.TARGET
    assert TrialState.RUNNING not in states
    assert TrialState.COMPLETE in {trial.state for trial in met}


class AllAtOnce(FailingExecutor):
    """Tells the words of all slots together, as workers that end their epochs at one moment do."""

    asked_for_more = 0
    are_all_busy = False

    def advance(self, *order):
        self.asked_for_more += 1
        super().advance(*order)

    def wait(self, timeout_seconds):
        self.are_all_busy = self.are_all_busy or len(self._jobs) == len(self.slots)
        words = []
        while self.are_all_busy and any(running.has_work for running in self._jobs.values()):
            words += super().wait(timeout_seconds)
        return words


def test_no_epoch_is_asked_for_once_the_target_is_met(laboratory):
    executor = AllAtOnce([Slot(index) for index in range(3)], Random(0))

    end = laboratory.run(laboratory.space(limits={"target": 0.0}), slots=3, executor=executor)

    assert end is End.TARGET
    assert executor.asked_for_more == 0, "a worker would train it before it hears of the end"


def test_a_study_that_has_met_its_target_trains_nothing_more_after_a_restart(laboratory):
    laboratory.run(laboratory.space(), name="calm")
    space = laboratory.space(limits={"target": _a_value_reached_late(laboratory.table("calm"))})
    laboratory.run(space, slots=3)
    before = laboratory.table()

    end = laboratory.run(space, slots=3)

    assert end is End.TARGET
    assert laboratory.table() == before


def test_a_raised_target_lets_the_search_go_on_to_the_table_of_an_undisturbed_one(laboratory):
    laboratory.run(laboratory.space(), name="calm", slots=3)
    laboratory.run(laboratory.space(limits={"target": 0.2}), slots=3)

    laboratory.run(laboratory.space(limits={"target": 2.0}), slots=3)

    assert [row[:9] for row in laboratory.table()[1:]] == [row[:9] for row in laboratory.table("calm")[1:]]


@pytest.mark.parametrize("losses", [0.0, 0.3])
@pytest.mark.parametrize("slots", [1, 3])
def test_max_epochs_total_is_exact_and_a_larger_one_goes_on_to_the_same_table(laboratory, slots, losses):
    laboratory.run(laboratory.space(), name="calm", slots=slots)

    end = laboratory.run(laboratory.space(limits={"max_epochs_total": 13}), slots=slots, losses=losses)

    assert end is End.MAX_EPOCHS_TOTAL
    assert _epochs(laboratory) == 13
    laboratory.run(laboratory.space(limits={"max_epochs_total": 30}), slots=slots, losses=losses)
    assert _epochs(laboratory) == 30
    assert laboratory.run(laboratory.space(), slots=slots) is End.EXHAUSTED
    assert laboratory.table() == laboratory.table("calm")


@pytest.mark.parametrize(
    ("state", "done", "asked", "ran"),
    [
        (TrialState.COMPLETE, 9, 9, True),
        (TrialState.COMPLETE, 5, 9, True),  # early stopping
        (TrialState.COMPLETE, 3, 3, False),  # a rung below the top
        (TrialState.WAITING, 5, 9, False),  # a limit
        (TrialState.PRUNED, 5, 9, False),
    ],
)
def test_a_trial_has_run_its_budget_if_nobody_cut_it_short(state, done, asked, ran):
    trial = Trial(number=0, state=state, parameters={}, epochs=asked, seed=0, epochs_done=done, value=0.5)

    assert ran_its_budget(trial, 9, Limits(), Objective("val_accuracy", Direction.MAXIMIZE)) is ran


def test_epochs_lost_with_the_coordinator_are_not_counted_twice(laboratory):
    space = laboratory.space(limits={"max_epochs_total": 13})
    with pytest.raises(PowerCut):
        laboratory.run(space, slots=3, cut_after=9)

    laboratory.run(space, slots=3)

    assert _epochs(laboratory) == 13


def test_attempts_left_open_by_a_dead_coordinator_are_closed_by_the_next(laboratory):
    with pytest.raises(PowerCut):
        laboratory.run(laboratory.space(), slots=3, cut_after=7)
    with laboratory.store() as store:
        left_open = [a for a in store.attempts(store.study("simulated").id) if a.outcome is None]

    laboratory.run(laboratory.space(), slots=3)

    with laboratory.store() as store:
        found = store.attempts(store.study("simulated").id)
    closed = {(a.trial, a.attempt): a.outcome for a in found}
    assert left_open
    assert {closed[a.trial, a.attempt] for a in left_open} == {AttemptOutcome.LOST}
    assert None not in closed.values()


def test_promotions_go_on_from_their_parents_when_a_limit_is_raised(laboratory):
    laboratory.run(laboratory.space(**HYPERBAND), name="calm", slots=2, lag=4)
    for most in (8, 20, 31):
        laboratory.run(laboratory.space(**HYPERBAND, limits={"max_epochs_total": most}), slots=2, lag=4, keep_best=1)
        assert _epochs(laboratory) == most

    laboratory.run(laboratory.space(**HYPERBAND), slots=2, lag=4, keep_best=1)

    assert laboratory.table() == laboratory.table("calm")


def test_a_timeout_counts_all_restarts_and_is_not_begun_anew(laboratory):
    space = laboratory.space(limits={"timeout": "5s"})
    assert laboratory.run(space, slots=2) is End.TIMEOUT
    before = laboratory.table()

    end = laboratory.run(space, slots=2)

    assert end is End.TIMEOUT
    assert before[0][6] > 0
    assert laboratory.table() == before


def test_trial_timeout_fails_a_trial_amid_an_epoch_and_after_one(laboratory):
    space = laboratory.space(limits={"trial_timeout": "2s", "max_consecutive_failures": 100})

    laboratory.run(space, slots=2)

    late = [trial for trial in laboratory.trials() if trial.error_kind is ErrorKind.TIMEOUT]
    assert late
    assert all(trial.state is TrialState.FAILED for trial in late)
    assert all("trial_timeout is 2 s" in (trial.error or "") for trial in late)
    with laboratory.store() as store:
        attempts = store.attempts(store.study("simulated").id, late[0].number)
    assert [attempt.outcome for attempt in attempts] == [AttemptOutcome.TIMEOUT]


def test_epoch_timeout_fails_the_attempt_and_retries_the_trial(laboratory):
    space = laboratory.space(limits={"epoch_timeout": "2s", "retries": 50})

    laboratory.run(space, slots=2)

    with laboratory.store() as store:
        outcomes = {attempt.outcome for attempt in store.attempts(store.study("simulated").id)}
    assert outcomes == {AttemptOutcome.COMPLETE, AttemptOutcome.TIMEOUT}
    assert all(trial.state is TrialState.COMPLETE for trial in laboratory.trials())


def test_failures_in_a_row_are_counted_in_number_order_whoever_is_faster():
    states = [TrialState.RUNNING, *[TrialState.FAILED] * 3, TrialState.INVALID, TrialState.FAILED, TrialState.COMPLETE]
    table = Table(Trial(number=n, state=state, parameters={}, epochs=1, seed=0) for n, state in enumerate(states))
    assert table.failed_in_a_row(4) is None

    table.replace(replace(table[0], state=TrialState.COMPLETE))

    assert table.failed_in_a_row(4) == 5
    assert table.failed_in_a_row(4) is None


def test_a_failed_study_leaves_no_trial_running_and_can_be_tried_again(laboratory):
    training = {"trainer": "simulated", "epochs": 4, "failure_rate": 0.95}
    space = laboratory.space(training=training, limits={"retries": 0, "max_consecutive_failures": 2})
    with pytest.raises(StudyFailed):
        laboratory.run(space, slots=3, durations=3)

    assert TrialState.RUNNING not in {trial.state for trial in laboratory.trials()}
    lenient = laboratory.space(training=training, limits={"retries": 0, "max_consecutive_failures": 100})
    assert laboratory.run(lenient, slots=3) is End.EXHAUSTED


def _why_failed(laboratory, name):
    with laboratory.store() as store:
        return store.study(name).error.partition(";")[0]


def test_a_coordinator_killed_the_moment_after_the_last_allowed_failure_has_failed_the_study_all_the_same(laboratory):
    training = {"trainer": "simulated", "epochs": 4, "failure_rate": 0.9}
    space = laboratory.space(training=training, limits={"retries": 0, "max_consecutive_failures": 3})
    with pytest.raises(StudyFailed):
        laboratory.run(space, name="calm", slots=3)
    why = _why_failed(laboratory, "calm")
    last = int(re.search(r"the last, trial (\d+)", why)[1])
    calm = [row for row in laboratory.table("calm") if row[0] <= last]
    killed = 0
    for words in range(1, 60):
        name = f"cut-{words}"
        try:
            laboratory.run(space, name=name, slots=3, cut_after=words)
        except PowerCut:
            killed += 1
        except StudyFailed:
            break
        with pytest.raises(StudyFailed):
            laboratory.run(space, name=name, slots=3)
        assert _why_failed(laboratory, name) == why, words
        assert [row for row in laboratory.table(name) if row[0] <= last] == calm, words
    assert killed > 10


def test_retries_are_counted_over_restarts(laboratory):
    training = {"trainer": "simulated", "epochs": 4, "failure_rate": 1.0}
    space = laboratory.space(training=training, limits={"retries": 1, "max_consecutive_failures": 1})
    for words in range(1, 5):
        with pytest.raises((PowerCut, StudyFailed)):
            laboratory.run(space, cut_after=words)
    with pytest.raises(StudyFailed):
        laboratory.run(space)

    with laboratory.store() as store:
        attempts = store.attempts(store.study("simulated").id, 0)
    assert [attempt.outcome for attempt in attempts].count(AttemptOutcome.ERROR) == 2


def test_a_thousand_invalid_trials_in_a_row_are_written_and_the_study_fails_with_the_rule_that_broke_most(laboratory):
    space = laboratory.space(constraints=["units < rate"])

    with pytest.raises(StudyFailed, match=r"1,000 configurations in a row were invalid, 1,000 of them .*units < rate"):
        laboratory.run(space)

    assert len(laboratory.trials()) == 1_000
    assert {trial.state for trial in laboratory.trials()} == {TrialState.INVALID}


def test_a_space_that_is_used_up_ends_the_search_with_one_sentence(laboratory):
    space = laboratory.space(parameters={"units": [1, 2, 3]}, search={"backend": "bayesian", "max_trials": 9})

    end = laboratory.run(space, slots=2)

    assert end is End.EXHAUSTED
    with laboratory.store() as store:
        texts = [event.text for event in store.events(store.study("simulated").id)]
    assert "the space is used up after 3 valid trials; max_trials is 9" in texts


def test_a_stop_before_the_first_epoch_leaves_everything_to_do(laboratory):
    laboratory.run(laboratory.space(), name="calm", slots=2)

    end = laboratory.run(laboratory.space(), slots=2, interrupt_after=0)

    assert end is End.INTERRUPTED
    assert not any(trial.values for trial in laboratory.trials())
    laboratory.run(laboratory.space(), slots=2)
    assert laboratory.table() == laboratory.table("calm")


def test_what_a_lost_worker_had_trained_is_not_told_as_its_own(laboratory):
    laboratory.run(laboratory.space(), slots=2, losses=0.4, durations=2)

    with laboratory.store() as store:
        study = store.study("simulated")
        curves = {number: [] for number in range(12)}
        for number, epoch, _ in store.epoch_seconds(study.id):
            curves[number].append(epoch)
    assert all(epochs == [1, 2, 3, 4] for epochs in curves.values())


class Usurped(FailingExecutor):
    """Somebody else takes the study over after a few words."""

    def __init__(self, database: Path) -> None:
        super().__init__([Slot(0), Slot(1)], Random(0))
        self._database = database

    def wait(self, timeout_seconds):
        events = super().wait(timeout_seconds)
        if self._words == 9:
            with contextlib.closing(sqlite3.connect(self._database)) as connection, connection:
                connection.execute("UPDATE studies SET lease_token = 'another'")
                self.dump = "".join(connection.iterdump())
        return events


def test_a_coordinator_that_lost_its_lease_stops_and_writes_nothing_more(laboratory):
    executor = Usurped(laboratory.database)

    with pytest.raises(LeaseLost):
        laboratory.run(laboratory.space(), executor=executor, slots=2)

    with contextlib.closing(sqlite3.connect(laboratory.database)) as connection:
        assert "".join(connection.iterdump()) == executor.dump
