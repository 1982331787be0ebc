"""Trials, attempts and epochs: what is written comes back, and what is late or illegal changes nothing."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from hpsearch.errors import ConfigError, TrialNotFound
from hpsearch.storage import trials_frame
from hpsearch.study import LEGAL_MOVES, AttemptOutcome, Direction, ErrorKind, Objective, TrialState

on_one_database = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
fresh = itertools.count()  # numbers of trials: one database serves all examples


@on_one_database
@given(parameters=st.dictionaries(st.text(st.characters(categories=["L", "N"]), min_size=1), scalars, max_size=6))
def test_parameters_come_back_with_their_types_and_order(store, study, writer, trial, parameters):
    number = next(fresh)

    with writer.transaction() as write:
        write.add_trial(trial(number, parameters=parameters))

    found = store.trial(study.id, number).parameters
    assert list(found.items()) == list(parameters.items())
    assert [type(value) for value in found.values()] == [type(value) for value in parameters.values()]


@on_one_database
@given(values=st.dictionaries(st.sampled_from(["loss", "val_loss", "f1"]), st.floats(), min_size=1))
@example(values={"loss": -0.0})
def test_measured_values_come_back_to_the_last_bit_nan_and_infinities_too(store, study, writer, trial, values):
    number = next(fresh)

    with writer.transaction() as write:
        write.add_trial(trial(number))
        attempt = write.start_attempt(number, "worker", "here", "cpu")
        write.record_epoch(number, attempt, 1, values, seconds=0.1)

    (epoch,) = store.epochs(study.id, number)
    assert epoch.values.keys() == values.keys()
    for metric, value in values.items():
        found = epoch.values[metric]
        assert found == value or (math.isnan(found) and math.isnan(value))
        signed = value + 0.0  # zero has no sign in SQLite
        assert math.isnan(value) or math.copysign(1, found) == math.copysign(1, signed)


def test_every_field_of_a_trial_comes_back(store, study, writer, train, trial):
    train(0, [0.5])
    new = trial(
        1,
        epochs=9,
        epochs_done=3,
        parent=0,
        bracket=2,
        rung=1,
        known=1,
        value=0.5,
        last_value=0.4,
        best_epoch=1,
        model_parameters=60_000_000_000,
        backend_state={"seed_state": 12, "rungs": [1, None]},
    )

    with writer.transaction() as write:
        write.add_trial(new)

    found = store.trial(study.id, 1)
    assert replace(found, created_at=None) == new
    assert found.created_at is not None


@pytest.mark.parametrize(("start", "end"), list(itertools.product(TrialState, TrialState)))
def test_only_legal_moves_are_written(store, study, writer, trial, start, end):
    ended = {"value": 0.5} if start is TrialState.COMPLETE else {}
    if start in (TrialState.FAILED, TrialState.INVALID):
        ended = {"error_kind": ErrorKind.ERROR, "error": "it broke"}
    with writer.transaction() as write:
        write.add_trial(trial(0, start, **ended))
    move = {"value": 0.5, "error_kind": ErrorKind.ERROR}

    if end in LEGAL_MOVES[start]:
        with writer.transaction() as write:
            write.move(0, end, **move)
        assert store.trial(study.id, 0).state is end
    else:
        with pytest.raises(ValueError, match="cannot go"), writer.transaction() as write:
            write.move(0, end, **move)
        assert store.trial(study.id, 0).state is start


def test_times_follow_the_moves(store, study, writer, trial):
    with writer.transaction() as write:
        write.add_trial(trial(0))
        write.move(0, TrialState.RUNNING)
    first = store.trial(study.id, 0).started_at
    with writer.transaction() as write:
        write.move(0, TrialState.WAITING)
        write.move(0, TrialState.RUNNING)
        write.move(0, TrialState.COMPLETE, value=0.5)

    found = store.trial(study.id, 0)
    assert found.started_at == first
    assert found.ended_at is not None
    assert found.created_at <= found.started_at <= found.ended_at


def test_a_complete_trial_without_a_value_and_a_failed_one_without_a_kind_are_refused(writer, trial):
    for state in (TrialState.COMPLETE, TrialState.FAILED):
        with pytest.raises(IntegrityError), writer.transaction() as write:
            write.add_trial(trial(0, state))


def test_an_ended_trial_is_told_but_not_changed(store, study, writer, train):
    train(0, [0.5])

    with writer.transaction() as write:
        write.tell(0, place=0)
    with pytest.raises(ValueError, match="not written again"), writer.transaction() as write:
        write.progress(0, value=0.9)

    found = store.trial(study.id, 0)
    assert (found.told, found.value) == (0, 0.5)


def test_a_failing_block_writes_nothing_and_the_writer_goes_on(store, study, writer, trial):
    def fail_after_a_write():
        with writer.transaction() as write:
            write.add_trial(trial(0))
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        fail_after_a_write()

    with writer.transaction() as write:
        write.add_trial(trial(0, parameters={"units": 64}))

    assert [found.parameters for found in store.trials(study.id)] == [{"units": 64}]


def test_a_late_message_of_a_closed_attempt_changes_nothing(store, study, writer, trial):
    with writer.transaction() as write:
        write.add_trial(trial(0))
        lost = write.start_attempt(0, "worker-0", "here", "cpu")
        write.record_epoch(0, lost, 1, {"loss": 1.0}, seconds=0.1)
        assert write.end_attempt(0, lost, AttemptOutcome.LOST, error="killed")
        write.start_attempt(0, "worker-1", "here", "cpu")

    with writer.transaction() as write:
        assert not write.record_epoch(0, lost, 2, {"loss": 0.1}, seconds=0.1)
        assert not write.end_attempt(0, lost, AttemptOutcome.COMPLETE)

    assert [epoch.values for epoch in store.epochs(study.id, 0)] == [{"loss": 1.0}]
    assert [attempt.outcome for attempt in store.attempts(study.id, 0)] == [AttemptOutcome.LOST, None]


@pytest.mark.parametrize("in_one_transaction", [True, False])
def test_a_newer_attempt_replaces_what_lies_beyond_its_checkpoint(store, study, writer, trial, in_one_transaction):
    def first(write):
        write.add_trial(trial(0))
        write.start_attempt(0, "worker", "here", "cpu")
        for epoch in range(1, 6):
            write.record_epoch(0, 1, epoch, {"loss": 1.0, "old": 1.0}, seconds=0.1)
        write.end_attempt(0, 1, AttemptOutcome.LOST)

    def second(write):
        write.start_attempt(0, "worker", "here", "cpu", from_epoch=2)
        write.record_epoch(0, 2, 3, {"loss": 2.0}, seconds=0.2)

    if in_one_transaction:
        with writer.transaction() as write:
            first(write)
            second(write)
    else:
        for part in (first, second):
            with writer.transaction() as write:
                part(write)

    found = [(epoch.epoch, epoch.attempt, epoch.values) for epoch in store.epochs(study.id, 0)]
    assert found == [(1, 1, {"loss": 1.0, "old": 1.0}), (2, 1, {"loss": 1.0, "old": 1.0}), (3, 2, {"loss": 2.0})]


def test_a_promotions_curve_begins_with_its_parents(store, study, train, database):
    train(0, [0.1, 0.2])
    train(1, [0.3, 0.4], first=3, parent=0)
    train(2, [0.5], first=5, parent=1)

    curve = store.epochs(study.id, 2)

    assert [(epoch.epoch, epoch.trial, epoch.values["val_accuracy"]) for epoch in curve] == [
        (1, 0, 0.1),
        (2, 0, 0.2),
        (3, 1, 0.3),
        (4, 1, 0.4),
        (5, 2, 0.5),
    ]
    assert store.trials(study.id, with_values="val_accuracy")[2].values == {5: 0.5}
    assert store.studies()[0].epochs == store.own_epochs(study.id) == 5


def test_attempts_at_trials_that_have_not_ended_and_workers_that_did_well_are_found_alone(
    store, study, writer, train, trial
):
    train(0, [0.1])
    with writer.transaction() as write:
        write.add_trial(trial(1))
        for worker, host in (("slot-0-2", "here"), ("slot-1-1", "elsewhere"), ("slot-2-1", "here")):
            attempt = write.start_attempt(1, worker, host, "cpu")
            write.end_attempt(1, attempt, AttemptOutcome.STOPPED if worker != "slot-2-1" else AttemptOutcome.LOST)

    assert [attempt.trial for attempt in store.attempts(study.id)] == [0, 1, 1, 1]
    assert store.attempts(study.id, of_ended=False) == store.attempts(study.id, 1)
    well = [AttemptOutcome.COMPLETE, AttemptOutcome.STOPPED]
    assert sorted(store.workers_with(study.id, well, host="here")) == ["slot-0-2", "worker-0"]


def test_the_best_trials_are_complete_and_ties_go_to_the_lower_number(store, study, train):
    train(0, [0.7])
    train(1, [0.9], state=TrialState.PRUNED)
    train(2, [0.8])
    train(3, [0.8])

    assert [trial.number for trial in store.best_trials(study.id, 3)] == [2, 3, 0]


def test_the_best_of_a_loss_is_the_smallest(store, new_study, trial):
    study = store.create_study(new_study("losses", objective=Objective("val_loss", Direction.MINIMIZE)))
    with store.claim(study.id) as lease, store.writer(lease).transaction() as write:
        for number, value in enumerate([0.5, 0.2, 0.9]):
            write.add_trial(trial(number, TrialState.COMPLETE, value=value))

    assert [found.number for found in store.best_trials(study.id, None)] == [1, 0, 2]


def test_parameters_keep_their_values_whatever_they_are_called(store, study, train):
    train(0, [0.5], parameters={"warmup_at": 3, "outcome": True, "error_kind": 0.5, "state": "x"})
    train(1, [0.6], parameters={"warmup_at": 5, "outcome": None, "error_kind": 0.25, "state": "y"})

    frame = trials_frame(store, study.id)

    assert frame["warmup_at"].tolist() == [3, 5]
    assert frame["outcome"].tolist() == [True, None]
    assert frame["parameter.error_kind"].tolist() == [0.5, 0.25]
    assert frame["parameter.state"].tolist() == ["x", "y"]


def test_a_summary_is_the_same_alone_and_among_others(store, study, train, new_study, trial):
    train(0, [0.1, 0.7])
    train(1, [0.8], first=3, parent=0)
    losses = store.create_study(new_study("losses", objective=Objective("val_loss", Direction.MINIMIZE)))
    with store.claim(losses.id) as lease, store.writer(lease).transaction() as write:
        for number, value in enumerate([0.5, 0.2, 0.9]):
            write.add_trial(trial(number, TrialState.COMPLETE, value=value))
    store.create_study(new_study("empty"))

    studies = store.studies()

    assert [(one.name, one.best_trial, one.best_value, one.epochs) for one in studies] == [
        ("digits", 1, 0.8, 3),
        ("losses", 1, 0.2, 0),
        ("empty", None, None, 0),
    ]
    assert [store.summary(one.name) for one in studies] == studies


def test_trials_are_chosen_by_state_sorted_by_column_or_parameter_and_cut(store, study, train):
    train(0, [0.7], parameters={"rate": 0.1})
    train(1, [0.9], parameters={"units": 16}, state=TrialState.PRUNED)
    train(2, [0.8], parameters={"rate": 0.01})

    def numbers(**wish):
        return [trial.number for trial in store.trials(study.id, **wish)]

    assert numbers() == [0, 1, 2]
    assert numbers(states=[TrialState.COMPLETE]) == [0, 2]
    assert numbers(sort="-value") == [1, 2, 0]
    assert numbers(sort="rate") == [2, 0, 1]  # what has none comes last
    assert numbers(sort="-rate", limit=1) == [0]
    with pytest.raises(ConfigError, match="did you mean value"):
        numbers(sort="valeu")


def test_an_unknown_trial_says_which_there_are(store, study, train):
    with pytest.raises(TrialNotFound, match="no trials yet"):
        store.trial(study.id, 0)
    train(0, [0.7])
    with pytest.raises(TrialNotFound, match="trials 0 to 0"):
        store.trial(study.id, 5)


def test_the_seconds_of_an_epoch_are_averaged(store, study, train):
    assert store.seconds_per_epoch(study.id) is None

    train(0, [0.5, 0.6])

    assert store.seconds_per_epoch(study.id) == 0.5
