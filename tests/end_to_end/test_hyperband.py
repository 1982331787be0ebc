"""Hyperband on real images: a promotion goes on from its parent's weights and optimizer, not from the start."""

from __future__ import annotations

import json

import pytest
from tests.end_to_end.command import hpsearch, python

from hpsearch.storage import open_store

pytestmark = pytest.mark.timeout(300)

SPACE = """\
study: halving
dataset: {name: digits}
parameters:
  units: [16, 32]
  dropout: {type: float, min: 0.0, max: 0.4}
  optimizer: [nadam, sgd]
  momentum: {type: float, min: 0.5, max: 0.95, when: {optimizer: sgd}}
  learning_rate: {type: float, min: 1e-3, max: 1e-2, scale: log}
model:
  - Flatten
  - Dense: {units: $units, activation: relu}
  - BatchNormalization
  - Dropout: $dropout
  - Dense: {units: $classes, activation: softmax}
training:
  optimizer: {name: $optimizer, learning_rate: $learning_rate, momentum: $momentum}
  loss: sparse_categorical_crossentropy
  augmentation: [RandomTranslation: {height_factor: 0.1, width_factor: 0.1}]
  learning_rate_schedule: {cosine: {final: 0.1}}
search: {backend: hyperband, max_epochs: 4, factor: 2}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished Hyperband study: its trials, whole curves, and its folder."""
    folder = tmp_path_factory.mktemp("halving")
    (folder / "space.yaml").write_text(SPACE)
    done = hpsearch("run", "space.yaml", "--workers", 2, "--no-retrain", folder=folder)
    assert done.returncode == 0, done.stderr
    with open_store(folder / "studies.db") as store:
        found = store.study("halving")
        trials = store.trials(found.id, with_values="val_loss")
        curves = {trial.number: [epoch.values for epoch in store.epochs(found.id, trial.number)] for trial in trials}
    return folder, trials, curves


def test_promotions_train_only_the_epochs_that_their_parents_have_not(study):
    _, trials, curves = study

    promoted = [trial for trial in trials if trial.parent is not None]
    assert len(promoted) >= 4
    for trial in promoted:
        parent = trials[trial.parent]
        assert dict(trial.parameters) == dict(parent.parameters)
        assert (trial.bracket, trial.rung) == (parent.bracket, parent.rung + 1)
        assert sorted(trial.values) == list(range(parent.epochs + 1, trial.epochs + 1))
        assert len(curves[trial.number]) == trial.epochs


def test_every_promotion_is_of_its_rungs_true_top(study):
    _, trials, _ = study

    for bracket in {trial.bracket for trial in trials}:
        for rung in {trial.rung for trial in trials if trial.bracket == bracket}:
            here = [trial for trial in trials if (trial.bracket, trial.rung) == (bracket, rung)]
            promoted = {trial.parent for trial in trials if trial.bracket == bracket and trial.rung == rung + 1}
            if promoted:
                worst_promoted = min(trial.value for trial in here if trial.number in promoted)
                assert all(trial.value <= worst_promoted for trial in here if trial.number not in promoted)


def test_a_chain_of_promotions_equals_one_unbroken_training_to_the_last_bit(study):
    folder, trials, curves = study
    with open_store(folder / "studies.db") as store:
        made = store.study("halving")
    longest = max(
        (trial for trial in trials if trial.parent is not None and trials[trial.parent].parent is not None),
        key=lambda trial: trial.number,
    )

    unbroken = python(
        f"""
        import json
        from hpsearch.training.process import configure_process
        configure_process(threads={made.threads}, onednn={made.onednn})
        from hpsearch.execution.opening import open_space
        from hpsearch.study import Direction, Objective
        from hpsearch.training.registry import make_trainer
        from hpsearch.training.task import Task
        space = open_space("space.yaml")
        trainer = make_trainer(Task(
            configuration=space.configuration({dict(longest.parameters)!r}),
            objective=Objective("val_accuracy", Direction.MAXIMIZE),
            seed={longest.seed}, split_seed=space.seed, epochs={longest.epochs},
        ))
        print(json.dumps([dict(trainer.advance().values) for _ in range({longest.epochs})]))
        """,
        folder=folder,
        KERAS_BACKEND="tensorflow",
        CUDA_VISIBLE_DEVICES="-1",
    )

    assert json.loads(unbroken.splitlines()[-1]) == curves[longest.number]


def test_of_all_checkpoints_only_the_best_trials_is_left_for_its_evaluation(study):
    folder, trials, _ = study
    best = max(trials, key=lambda trial: (trial.value, -trial.number))

    assert [path.name.split("-")[0] for path in folder.rglob("*.checkpoint")] == [f"{best.number:06d}"]


def test_the_kept_weights_of_the_best_are_tested_without_a_retrain(study):
    folder, trials, _ = study
    best = max(trials, key=lambda trial: (trial.value, -trial.number))

    done = hpsearch("run", "space.yaml", folder=folder)

    assert done.returncode == 0, done.stderr
    with open_store(folder / "studies.db") as store:
        (record,) = store.evaluations(store.study("halving").id)
    assert (record.trial, record.role, record.epoch) == (best.number, "kept", best.best_epoch)
    assert record.curve == {}
    assert "weights of the search, kept" in done.stdout
