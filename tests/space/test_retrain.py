"""The `retrain` section."""

from __future__ import annotations

import pytest
from tests.space.conftest import Complaints, Loader

PLATEAU = "early_stopping: {monitor: val_loss, patience: 3}, reduce_on_plateau: {monitor: loss, patience: 2}"


def test_keys_of_training_are_replaced_whole(read: Loader):
    space = read(
        parameters="lr: [0.1, 0.2]",
        optimizer="{name: sgd, learning_rate: $lr, momentum: 0.9}",
        training=PLATEAU,
        more="retrain: {epochs: 9, optimizer: {name: sgd, learning_rate: $(lr / 2)}, "
        "early_stopping: none, augmentation: [RandomFlip]}",
    )
    training = space.retrain_configuration({"lr": 0.2}).training

    assert training["epochs"] == 9
    assert training["optimizer"] == {"name": "sgd", "learning_rate": 0.1}
    assert training["augmentation"] == ["RandomFlip"]
    assert "early_stopping" not in training
    assert training["reduce_on_plateau"]["monitor"] == "loss"
    assert space.configuration({"lr": 0.2}).training["epochs"] == 4


@pytest.mark.parametrize(
    ("retrain", "changes"),
    [
        ("{}", False),
        ("{top: all, keep: last}", False),
        ("{epochs: 4}", False),
        ("{epochs: 4.0, optimizer: adam, validation: keep}", False),
        ("{augmentation: none}", False),
        ("{early_stopping: {patience: 3, monitor: val_loss}}", False),
        ("{epochs: 5}", True),
        ("{optimizer: sgd}", True),
        ("{early_stopping: none}", True),
        ("{repeats: 2}", True),
        ("{validation: none}", True),
    ],
)
def test_a_retraining_that_changes_nothing_is_seen(read: Loader, retrain, changes):
    assert read(training=PLATEAU, more=f"retrain: {retrain}").retrain.changes is changes


def test_without_validation_the_best_epoch_is_the_budget_and_what_watches_it_rests(read: Loader):
    space = read(training=PLATEAU, more="retrain: {validation: none}")
    configuration = space.retrain_configuration({}, best_epoch=3)

    assert configuration.dataset["validation"] is None
    assert configuration.training["epochs"] == 3
    assert "early_stopping" not in configuration.training
    assert configuration.training["reduce_on_plateau"]["monitor"] == "loss"
    assert configuration.keep == "last"
    exact = read(training=PLATEAU, more="retrain: {validation: none, epochs: 7}")
    assert exact.retrain_configuration({}, best_epoch=3).training["epochs"] == 7


def test_which_weights_are_kept_may_depend_on_the_winner(read: Loader):
    space = read(
        parameters="p: [10, 40]",
        training="early_stopping: {patience: $p}",
        more="retrain: {top: all, keep: {switch: $p, cases: {10: {metric: val_loss}, 40: last}}}",
    )

    assert space.retrain.top is None
    assert space.configuration({"p": 10}).keep == {"metric": "val_loss"}
    assert space.retrain_configuration({"p": 40}).keep == "last"


def test_snapshots_are_the_ends_of_cycles(read: Loader):
    space = read(
        more="retrain: {epochs: 10, learning_rate_schedule: {cyclic: {cycles: 5}}, "
        "snapshots: {count: 5, combine: vote}}"
    )
    training = space.retrain_configuration({}).training

    assert training["snapshots"] == {"count": 5, "combine": "vote"}
    assert training["learning_rate_schedule"] == {"cyclic": {"shape": "cosine", "final": 0.0, "cycles": 5}}
    assert "snapshots" not in space.configuration({}).training


@pytest.mark.parametrize(
    ("retrain", "sentence"),
    [
        ("3", "a mapping such as"),
        ("{epohs: 3}", "did you mean `epochs`?"),
        ("{top: 0}", "a whole number from 1 or all"),
        ("{top: $classes}", "a whole number from 1 or all"),
        ("{repeats: 0}", "`repeats` is 0"),
        ("{epochs: 1.5}", "`epochs` is 1.5"),
        ("{keep: bst}", "did you mean `best`?"),
        ("{keep: {metric: val_los}}", "did you mean `val_loss`?"),
        ("{validation: no}", "did you mean `none`?"),
        ("{validation: none, keep: best}", "nothing to choose epochs by"),
        ("{validation: none, keep: {metric: val_loss}}", "nothing to choose epochs by"),
        ("{snapshots: {count: 2}}", "there is no cyclic schedule"),
        ("{snapshots: {count: 2}, learning_rate_schedule: {cyclic: {cycles: 4}}}", "the schedule has 4"),
        ("{snapshots: {count: 4}, keep: best, learning_rate_schedule: {cyclic: {cycles: 4}}}", "leave one out"),
        ("{snapshots: {combine: mean}}", "`snapshots` needs `count`"),
        (
            "{snapshots: {count: 4, combine: median}, learning_rate_schedule: {cyclic: {cycles: 4}}}",
            "did you mean `mean`?",
        ),
        ("{epochs: 5, learning_rate_schedule: {cyclic: {cycles: 4}}}", "4 cycles do not divide 5 epochs"),
        ("{validation: none, learning_rate_schedule: {cyclic: {cycles: 2}}}", "needs `epochs`"),
        ("{optimizer: adm}", "did you mean `adam`?"),
        ("{loss: $nothing}", "There is no parameter or constant `nothing`"),
        ("{early_stopping: {monitor: val_los}}", "did you mean `val_loss`?"),
        ("{trainer: simulated}", "has no key `trainer`"),
    ],
)
def test_an_unsound_retrain_is_one_mistake(complaints: Complaints, retrain, sentence):
    found = complaints(more=f"retrain: {retrain}")

    assert len(found) == 1
    assert found[0].startswith("7: ")
    assert sentence in found[0]


def test_a_schedule_of_the_search_must_fit_the_retrainings_epochs_too(complaints: Complaints):
    found = complaints(training="learning_rate_schedule: {cyclic: {cycles: 2}}", more="retrain: {epochs: 5}")

    assert found == ["7: 2 cycles do not divide 5 epochs; choose numbers that do."]


def test_a_schedule_that_is_wrong_by_itself_is_told_once(complaints: Complaints):
    told = complaints(
        parameters="optimizer: [adam, sgd]",
        optimizer="$optimizer",
        training="learning_rate_schedule: {switch: $optimizer, cases: {}}",
        more="retrain: {epochs: 12}",
    )

    assert len(told) == 1
    assert "A switch needs `cases`" in told[0]
