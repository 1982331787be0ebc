"""A study killed at any points ends with the same table as one that was never disturbed."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from benchmarks.chaos import SEARCHES, Nursery, differences, put_to_the_test, run_calmly, space, table, torment
from tests.end_to_end.command import hpsearch

from hpsearch.execution.opening import open_space
from hpsearch.study import Objective
from hpsearch.training.registry import make_trainer
from hpsearch.training.task import Task

pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def nursery():
    with Nursery() as one:
        yield one


def test_twelve_kills_leave_the_table_as_it_would_have_been(nursery, tmp_path):
    outcome = put_to_the_test(nursery, "hyperband", workers=2, kills=12, seed=1, folder=tmp_path)

    assert outcome.differences == []
    assert (outcome.coordinators, outcome.workers) == (4, 8)
    assert hpsearch("db", "check", "--database", "tormented.db", folder=tmp_path).returncode == 0


def test_every_restart_may_have_another_number_of_workers(nursery, tmp_path):
    file = tmp_path / "tpe.yaml"
    file.write_text(space("tpe").replace("max_trials: 60", "max_trials: 60, lag: 6"))
    calm = run_calmly(nursery, file, tmp_path / "calm.db", workers=3)

    torment(nursery, file, tmp_path / "tormented.db", workers=(1, 2, 5), kills=12, seed=3)

    assert differences(calm, table(tmp_path / "tormented.db")) == []
    with contextlib.closing(sqlite3.connect(tmp_path / "tormented.db")) as rows:
        slots = {name.split("-")[1] for (name,) in rows.execute("SELECT name FROM workers")}
    assert slots == {"0", "1", "2", "3", "4"}


@pytest.mark.stress
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("name", SEARCHES)
def test_forty_kills_leave_the_table_as_it_would_have_been(nursery, tmp_path, name, workers):
    outcome = put_to_the_test(nursery, name, workers, kills=40, seed=2, folder=tmp_path)

    assert outcome.differences == []
    assert (outcome.coordinators, outcome.workers) == (10, 30)


@pytest.mark.slow
def test_told_as_they_finish_no_row_is_lost_doubled_or_wrong(nursery, tmp_path):
    file = tmp_path / "finished.yaml"
    file.write_text(space("tpe-median").replace("order: number", "order: finished"))

    torment(nursery, file, tmp_path / "tormented.db", workers=3, kills=12, seed=4)

    rows = table(tmp_path / "tormented.db")
    study = open_space(file)
    parameters = {}
    for number, name, _, text, whole, real, _ in rows["parameters"]:
        parameters.setdefault(number, {})[name] = next(value for value in (text, whole, real) if value is not None)
    valid = [row for row in rows["trials"] if row[1] != "invalid"]
    assert len(valid) == 60
    assert [row[0] for row in rows["trials"]] == list(range(len(rows["trials"])))
    assert not {row[1] for row in rows["trials"]} & {"waiting", "running"}
    told = [row[8] for row in rows["trials"]]
    assert sorted(told) == list(range(len(told)))
    measured = {}
    for number, epoch, metric, value, _ in rows["epoch_values"]:
        measured.setdefault(number, {}).setdefault(epoch, {})[metric] = value
    for number, _, epochs, done, *_, seed, _, _ in valid:
        task = Task(study.configuration(parameters[number]), Objective("val_accuracy", "maximize"), seed, 7, epochs)
        clean = make_trainer(task)
        assert measured.get(number, {}) == {epoch: clean.advance().values for epoch in range(1, done + 1)}


DIGITS = """\
study: digits
seed: 7
dataset: {name: digits, validation: 0.1, train_subset: 400}
parameters:
  filters: {type: int, min: 4, max: 8, step: 2}
  rate: {type: float, min: 1e-3, max: 1e-2, scale: log}
  dropout: {type: float, min: 0.1, max: 0.5, step: 0.1}
model:
  - Conv2D: {filters: $filters, kernel_size: 3, activation: relu}
  - BatchNormalization
  - Flatten
  - Dropout: $dropout
  - Dense: {units: $classes, activation: softmax}
training:
  batch_size: 50
  optimizer: {name: nadam, learning_rate: $rate}
  loss: sparse_categorical_crossentropy
  augmentation:
    - RandomTranslation: {height_factor: 0.1, width_factor: 0.1}
  learning_rate_schedule: {cosine: {final: 0.1}}
search: {backend: hyperband, max_epochs: 9, factor: 3}
"""


@pytest.mark.slow
def test_real_trainings_killed_five_times_are_equal_to_the_last_bit(tmp_path):
    file = tmp_path / "digits.yaml"
    file.write_text(DIGITS)
    with Nursery(checkpoint_seconds=0.0) as nursery:
        calm = run_calmly(nursery, file, tmp_path / "calm.db", workers=2)

        killed = torment(nursery, file, tmp_path / "tormented.db", workers=2, kills=5, seed=5)

    tormented = table(tmp_path / "tormented.db")
    assert differences(calm, tormented) == []
    assert killed == (1, 4)
    assert {row[1] for row in tormented["trials"]} == {"complete"}
    assert sum(row[4] is not None for row in tormented["trials"]) == 6  # promotions: 3 and 1, then 2
