"""The main job on real digits: search, retrain, one look at the test split, a model that loads anywhere."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.end_to_end.command import hpsearch, python

from hpsearch.storage import open_store

pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parents[2]

SMALL = """\
study: small
dataset: {DATASET}
parameters:
  units: [16, 32]
  learning_rate: {type: float, min: 1e-3, max: 1e-2, scale: log}
model: [Flatten, Dense: {units: $units, activation: relu}, Dense: {units: $classes, activation: softmax}]
training:
  epochs: 3
  batch_size: 32
  optimizer: {name: adam, learning_rate: $learning_rate}
  loss: sparse_categorical_crossentropy
search: {backend: random, max_trials: 2}
retrain: {epochs: 8}
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demonstration, run as README says."""
    folder = tmp_path_factory.mktemp("demo")
    done = hpsearch("run", ROOT / "search_spaces" / "digits_space.yaml", "--workers", 2, folder=folder, seconds=390)
    assert done.returncode == 0, done.stderr
    return folder


def evaluation(folder: Path, study: str):
    """The record of a study's retrain."""
    with open_store(folder / "studies.db") as store:
        return store.evaluations(store.study(study).id)[0]


@pytest.mark.slow
def test_the_demo_reports_a_good_test_accuracy_that_anybody_can_recompute(demo):
    record = evaluation(demo, "digits")
    model = next((demo / "studies-artifacts").glob("*/models/*.keras"))

    recomputed = python(
        f"""
        import json, keras
        from sklearn.datasets import load_digits
        from hpsearch.training.datasets import load
        splits = load({{"name": "digits"}})
        x_test, y_test = splits.test()
        everything = load_digits()
        rows = {{image.tobytes() for image in everything.images.astype("uint8")}}
        assert all(image[..., 0].tobytes() in rows for image in x_test)
        assert not {{image.tobytes() for image in x_test}} & {{image.tobytes() for image in splits.x_train}}
        model = keras.models.load_model({str(model)!r}, compile=False)
        predicted = model.predict(x_test, verbose=0).argmax(axis=1)
        print(json.dumps([float((predicted == y_test).mean()), len(y_test)]))
        """,
        KERAS_BACKEND="tensorflow",
    )

    accuracy, images = json.loads(recomputed.splitlines()[-1])
    assert images == 360
    assert accuracy == pytest.approx(record.metrics["accuracy"], abs=1e-6)
    assert accuracy >= 0.97


@pytest.mark.slow
def test_every_trial_and_epoch_of_the_demo_is_a_row(demo):
    with open_store(demo / "studies.db") as store:
        study = store.study("digits")
        trials = store.trials(study.id, with_values="val_accuracy")
        attempts = store.attempts(study.id)

    valid = [trial for trial in trials if trial.state == "complete"]
    assert len(valid) >= 20
    assert all(sorted(trial.values) == [1, 2, 3, 4, 5] for trial in valid)
    assert all(("momentum" in trial.parameters) == (trial.parameters["optimizer"] == "sgd") for trial in trials)
    assert {attempt.device for attempt in attempts if attempt.outcome == "complete"} != {""}


@pytest.mark.slow
def test_search_value_and_test_value_are_told_apart(demo):
    best = hpsearch("best", "--study", "digits", folder=demo)
    record = evaluation(demo, "digits")

    assert f"test accuracy {record.metrics['accuracy']:.4f} (retrained, evaluated once)" in best.stdout
    assert "validation accuracy" in best.stdout
    assert len(record.classes) == 10
    assert sum(map(sum, record.confusion)) == 360


@pytest.mark.slow
def test_predict_writes_a_submission_that_agrees_with_the_recorded_accuracy(demo):
    done = hpsearch("predict", "--study", "digits", "--split", "test", "-o", "submission.csv", folder=demo)
    assert done.returncode == 0, done.stderr

    with (demo / "submission.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    from hpsearch.training.datasets import load

    _, labels = load({"name": "digits"}).test()
    assert list(rows[0]) == ["ID", "Prediction"]
    assert [int(row["ID"]) for row in rows] == list(range(360))
    hits = np.mean([int(row["Prediction"]) == label for row, label in zip(rows, labels, strict=True)])
    assert hits == pytest.approx(evaluation(demo, "digits").metrics["accuracy"], abs=1e-6)


@pytest.mark.slow
def test_without_its_files_a_study_says_so(demo, tmp_path):
    shutil.copy(demo / "studies.db", tmp_path)

    done = hpsearch("predict", "--study", "digits", "--split", "test", folder=tmp_path)

    assert done.returncode == 2
    assert "is not there" in done.stderr
    assert hpsearch("best", "--study", "digits", folder=tmp_path).returncode == 0


def write_digits(path: Path, *, permuted: bool = False) -> None:
    """Digits as an npz data set; with `permuted` the training labels say nothing about the images."""
    from hpsearch.training.datasets import load

    splits = load({"name": "digits"})
    x_test, y_test = splits.test()
    y_train = np.random.default_rng(5).permutation(splits.y_train) if permuted else splits.y_train
    np.savez(path, x_train=splits.x_train, y_train=y_train, x_test=x_test, y_test=y_test)


def test_a_model_trained_on_permuted_labels_knows_nothing_of_the_test_split(tmp_path):
    write_digits(tmp_path / "permuted.npz", permuted=True)
    (tmp_path / "space.yaml").write_text(SMALL.replace("{DATASET}", "{name: npz, path: permuted.npz, rescale: 1/16}"))

    done = hpsearch("run", "space.yaml", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert evaluation(tmp_path, "small").metrics["accuracy"] <= 0.2


def test_the_test_split_is_read_by_the_final_evaluation_alone_and_once(tmp_path):
    (tmp_path / "guarded.py").write_text(
        '''
"""Digits whose test images write down that they were read, and raise before the retrain."""
import pathlib, sqlite3
from dataclasses import replace
from hpsearch.training.datasets import load

HERE = pathlib.Path(__file__).parent

def digits():
    splits = load({"name": "digits"})
    def test():
        with sqlite3.connect(HERE / "studies.db") as rows:
            running = rows.execute("SELECT count(*) FROM trials WHERE state IN ('waiting', 'running')").fetchone()[0]
            retrains = rows.execute("SELECT count(*) FROM evaluations").fetchone()[0]
        if running or retrains != 1:
            raise RuntimeError(f"the test split was read with {running} trials open, {retrains} retrains")
        with (HERE / "reads").open("a") as file:
            file.write("read\\n")
        return splits.test()
    return replace(splits, test=test)
'''
    )
    (tmp_path / "space.yaml").write_text(SMALL.replace("{DATASET}", '{name: "guarded:digits"}'))

    done = hpsearch("run", "space.yaml", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "reads").read_text() == "read\n"
    assert evaluation(tmp_path, "small").metrics["accuracy"] > 0.8


def test_data_without_test_labels_have_no_score_and_a_submission(tmp_path):
    write_digits(tmp_path / "all.npz")
    with np.load(tmp_path / "all.npz") as arrays:
        np.savez(tmp_path / "unlabelled.npz", **{name: arrays[name] for name in ("x_train", "y_train", "x_test")})
    (tmp_path / "space.yaml").write_text(SMALL.replace("{DATASET}", "{name: npz, path: unlabelled.npz, rescale: 1/16}"))

    done = hpsearch("run", "space.yaml", folder=tmp_path)
    predicted = hpsearch("predict", "--study", "small", "--split", "test", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "no test labels" in done.stdout
    assert predicted.stdout.splitlines()[0] == "ID,Prediction"
    assert len(predicted.stdout.splitlines()) == 361
