"""Retrainings, their scores, and a study's rows as DataFrames."""

from __future__ import annotations

import math

import pytest

from hpsearch.errors import ArtifactMissing, NothingFinished
from hpsearch.storage import epochs_frame, results, saved_model, trials_frame, write_artifact
from hpsearch.study import TrialState


@pytest.fixture
def retrain(writer):
    def write_evaluation(trial, accuracy, repeat=1, epochs=5):
        with writer.transaction() as write:
            evaluation = write.add_evaluation(trial, repeat, "retrained", 3, epochs, {"training": {"epochs": epochs}})
            write.record_evaluation_epoch(evaluation, 1, {"loss": 0.5, "val_loss": math.nan}, 0.2, device="cpu")
            scores = [{"name": "zero", "precision": 1.0, "recall": 0.5, "f1": 0.67, "support": 4}]
            metrics = {"accuracy": accuracy, "loss": math.inf}
            write.finish_evaluation(evaluation, metrics, scores, [[2, 2], [0, 4]], epoch=1)
        return evaluation

    return write_evaluation


def test_an_evaluation_comes_back_whole(store, study, train, retrain):
    train(0, [0.5])

    retrain(0, 0.9)

    (found,) = store.evaluations(study.id)
    assert (found.trial, found.repeat, found.role, found.seed, found.epochs) == (0, 1, "retrained", 3, 5)
    assert found.metrics == {"accuracy": 0.9, "loss": math.inf}
    assert found.classes[0]["support"] == 4
    assert found.confusion == [[2, 2], [0, 4]]
    assert (found.epoch, found.epochs_done, found.seconds, found.device) == (1, 1, 0.2, "cpu")
    assert found.curve[1]["loss"] == 0.5
    assert math.isnan(found.curve[1]["val_loss"])


def test_a_retraining_that_goes_on_from_a_checkpoint_replaces_the_epochs_beyond_it(store, study, writer, train):
    train(0, [0.5])
    with writer.transaction() as write:
        evaluation = write.add_evaluation(0, 1, "retrained", 3, 5, {})
        for epoch, loss in [(1, 0.9), (2, 0.8), (3, 0.7), (2, 0.6)]:
            write.record_evaluation_epoch(evaluation, epoch, {"loss": loss}, 0.1)

    (found,) = store.evaluations(study.id, finished=False)
    assert found.curve == {1: {"loss": 0.9}, 2: {"loss": 0.6}}
    assert found.epochs_done == 2


def test_the_result_is_the_mean_over_the_repeats_of_the_last_retraining(store, study, train, retrain):
    train(0, [0.5])
    retrain(0, 0.1, epochs=2)
    for repeat, accuracy in enumerate([0.8, 0.9], start=1):
        retrain(0, accuracy, repeat=repeat)

    (result,) = results(store, study)

    assert len(result.evaluations) == 2
    assert result.scores["accuracy"] == pytest.approx(0.85)
    assert result.deviations["accuracy"] == pytest.approx(0.0707, abs=1e-4)


def test_a_study_without_a_complete_trial_has_no_result(store, study, writer, trial):
    with writer.transaction() as write:
        write.add_trial(trial(0))

    with pytest.raises(NothingFinished, match="no complete trial yet: it has 1 waiting"):
        results(store, study)


def test_a_trial_that_a_limit_cut_short_is_the_result_once_it_was_retrained(store, study, writer, trial, retrain):
    with writer.transaction() as write:
        write.add_trial(trial(0, value=0.5))
    retrain(0, 0.9)

    (result,) = results(store, study)

    assert (result.trial.number, result.scores["accuracy"]) == (0, 0.9)


def test_the_model_of_the_best_retrained_trial_is_found_and_verified(store, study, writer, train, retrain):
    train(0, [0.5])
    with pytest.raises(ArtifactMissing, match="no saved model yet"):
        saved_model(store, study)
    evaluation = retrain(0, 0.9)
    sha256, size = write_artifact(store.artifacts_dir(study.id), "models/0.keras", b"model")
    with writer.transaction() as write:
        write.add_artifact("model", "models/0.keras", sha256, size, trial=0, evaluation=evaluation)

    path, _ = saved_model(store, study)
    assert path.read_bytes() == b"model"


def test_the_frame_of_trials_has_a_column_a_parameter(store, study, train):
    train(0, [0.5], parameters={"units": 32, "optimizer": "sgd", "momentum": 0.9, "state": "kept apart"})
    train(1, [0.75], parameters={"units": 64, "optimizer": "adam"}, state=TrialState.PRUNED)

    frame = trials_frame(store, study.id)

    assert list(frame.index) == [0, 1]
    assert list(frame["state"]) == ["complete", "pruned"]
    assert frame["units"].dtype == "int64"
    assert frame.loc[0, "momentum"] == 0.9
    assert math.isnan(frame.loc[1, "momentum"])
    assert frame.loc[0, "parameter.state"] == "kept apart"
    assert frame["parent"].isna().all()


def test_the_frame_of_epochs_has_a_column_a_metric(store, study, train):
    train(0, [0.5, math.nan])

    frame = epochs_frame(store, study.id)

    assert list(frame.columns) == ["trial", "epoch", "seconds", "val_accuracy"]
    assert frame["val_accuracy"][0] == 0.5
    assert math.isnan(frame["val_accuracy"][1])


def test_the_frames_of_a_study_without_trials_are_empty(store, study):
    assert len(trials_frame(store, study.id)) == 0
    assert list(epochs_frame(store, study.id).columns) == ["trial", "epoch", "seconds"]
