"""What is read by those who watch: stamps, curves, paces."""

from __future__ import annotations

import pytest

from hpsearch.storage import attempts_frame, curves_frame
from hpsearch.study import StudyState, TrialState


def test_a_stamp_changes_with_every_epoch_and_every_move_and_with_nothing_else(store, study, writer, trial):
    stamps = [store.stamp(study.id)]
    with writer.transaction() as write:
        write.add_trial(trial(0))
    stamps.append(store.stamp(study.id))
    with writer.transaction() as write:
        write.move(0, TrialState.RUNNING)
        attempt = write.start_attempt(0, "worker-0", "here", "cpu", from_epoch=0)
    stamps.append(store.stamp(study.id))
    for epoch in (1, 2):
        with writer.transaction() as write:
            write.record_epoch(0, attempt, epoch, {"val_accuracy": 0.5}, seconds=0.1)
        stamps.append(store.stamp(study.id))

    assert store.stamp(study.id) == stamps[-1]
    assert len(set(stamps)) == len(stamps)


def test_a_stamp_changes_with_every_epoch_of_a_retrain_of_a_complete_study(store, study, writer, train):
    train(0, [0.1, 0.2])
    with writer.transaction() as write:
        write.set_study_state(StudyState.COMPLETE)
        evaluation = write.add_evaluation(0, 0, "retrain", seed=1, epochs=2, configuration={})
    stamps = [store.stamp(study.id)]
    for epoch in (1, 2):
        with writer.transaction() as write:
            write.record_evaluation_epoch(evaluation, epoch, {"val_accuracy": 0.5}, seconds=0.1)
        stamps.append(store.stamp(study.id))

    assert len(set(stamps)) == len(stamps)


def test_another_studys_epochs_leave_the_stamp_of_an_ended_one_alone(
    store, study, lease, writer, train, new_study, trial
):
    train(0, [0.1, 0.2])
    with writer.transaction() as write:
        write.set_study_state(StudyState.COMPLETE)
    lease.release()
    before = store.stamp(study.id)

    other = store.create_study(new_study("other"))
    with store.claim(other.id) as lease, store.writer(lease).transaction() as write:
        write.add_trial(trial(0))
        write.move(0, TrialState.RUNNING)
        attempt = write.start_attempt(0, "worker-1", "here", "cpu", from_epoch=0)
        write.record_epoch(0, attempt, 1, {"val_accuracy": 0.5}, seconds=0.1)

    assert store.stamp(study.id) == before


def test_a_promotions_curve_starts_with_its_parents_epochs(store, study, train):
    train(0, [0.1, 0.2])
    train(1, [0.3], first=3, parent=0)

    curves = curves_frame(store, study.id, [1])

    assert list(curves.itertuples(index=False, name=None)) == [
        (1, 1, "val_accuracy", 0.1, 0),
        (1, 2, "val_accuracy", 0.2, 0),
        (1, 3, "val_accuracy", 0.3, 1),
    ]


@pytest.mark.parametrize("numbers", [[], [7]])
def test_trials_that_are_not_there_have_no_curves(store, study, train, numbers):
    train(0, [0.1])

    assert len(curves_frame(store, study.id, numbers)) == 0


def test_attempts_are_a_frame_and_workers_a_list_even_where_there_are_none(store, study, train):
    assert list(attempts_frame(store, study.id).columns)[:3] == ["trial", "attempt", "worker"]
    assert store.workers(study.id) == []

    train(0, [0.1])

    assert list(attempts_frame(store, study.id)["worker"]) == ["worker-0"]


def test_the_pace_is_that_of_the_latest_epochs(store, study, train):
    assert store.epochs_per_second(study.id) is None

    train(0, [0.1, 0.2, 0.3])

    pace = store.epochs_per_second(study.id)
    assert pace is not None
    assert 0.1 < pace < 1000
