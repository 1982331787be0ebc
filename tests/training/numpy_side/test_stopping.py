"""Early stopping, plateaus and kept weights, held against Keras's own callbacks."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from hpsearch.study import Direction, Objective
from hpsearch.training.keeping import Keeper
from hpsearch.training.stopping import EarlyStopping, ReduceOnPlateau, direction_of

OBJECTIVE = Objective("val_loss", Direction.MINIMIZE)
SERIES = [np.random.default_rng(seed).normal(1.0, 0.3, 30).round(2).tolist() for seed in range(6)]


class Model:
    """What Keras's callbacks ask of a model."""

    def __init__(self):
        self.stop_training = False
        self.optimizer = type("Optimizer", (), {"learning_rate": 0.1})()


@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 0},
        {"patience": 2, "min_delta": 0.1},
        {"patience": 3, "start_from_epoch": 4},
        {"patience": 3, "baseline": 0.7},
        {"patience": 2, "mode": "max"},
    ],
)
def test_early_stopping_stops_where_keras_does(series, settings):
    theirs = keras.callbacks.EarlyStopping(monitor="val_loss", **settings)
    theirs.set_model(Model())
    theirs.on_train_begin()
    ours = EarlyStopping.from_settings(settings, OBJECTIVE)

    for epoch, value in enumerate(series, 1):
        theirs.on_epoch_end(epoch - 1, {"val_loss": value})
        ours = restored(ours, EarlyStopping.from_settings(settings, OBJECTIVE))
        stopped = ours.update(epoch, {"val_loss": value})
        assert stopped == theirs.model.stop_training
        if stopped:
            break


@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 0, "factor": 0.5},
        {"patience": 2, "factor": 0.3, "cooldown": 2, "min_lr": 0.01},
        {"patience": 1, "factor": 0.9, "min_delta": 0.2},
    ],
)
def test_plateaus_give_the_rates_of_keras(series, settings):
    theirs = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", **settings)
    theirs.set_model(Model())
    theirs.on_train_begin()
    ours = ReduceOnPlateau.from_settings(settings, OBJECTIVE)

    for epoch, value in enumerate(series):
        theirs.on_epoch_end(epoch, {"val_loss": value})
        ours = restored(ours, ReduceOnPlateau.from_settings(settings, OBJECTIVE))
        ours.update({"val_loss": value}, 0.1)
        assert 0.1 * ours.rate_factor == pytest.approx(theirs.model.optimizer.learning_rate)


def restored(state_machine, fresh):
    fresh.restore(state_machine.state())
    return fresh


def test_what_watches_a_value_that_is_not_measured_rests():
    stopping = EarlyStopping.from_settings({"patience": 0}, OBJECTIVE)
    plateau = ReduceOnPlateau.from_settings({"patience": 0}, OBJECTIVE)

    for epoch in range(1, 5):
        assert not stopping.update(epoch, {"loss": 1.0})
        plateau.update({"loss": 1.0}, 0.1)

    assert plateau.rate_factor == 1.0


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        ("val_f1_weighted", Direction.MAXIMIZE),
        ("loss", Direction.MINIMIZE),
        ("val_mean_squared_error", Direction.MINIMIZE),
        ("val_accuracy", Direction.MAXIMIZE),
    ],
)
def test_a_metric_has_the_direction_of_its_name(metric, direction):
    assert direction_of(metric, OBJECTIVE) is direction


def test_the_best_weights_are_kept_and_the_earliest_wins_a_tie():
    keeper = Keeper("best", Objective("val_accuracy", Direction.MAXIMIZE))
    values = [0.2, math.nan, 0.5, 0.5, 0.4]

    kept = [keeper.update(epoch, {"val_accuracy": value}) for epoch, value in enumerate(values, 1)]

    assert kept == [True, False, True, False, False]
    assert keeper.epoch == 3


def test_a_first_value_that_is_no_number_is_replaced_by_the_first_that_is():
    keeper = Keeper({"metric": "val_loss"}, Objective("val_accuracy", Direction.MAXIMIZE))

    for epoch, value in enumerate([math.nan, 3.0, 2.0, 2.5], 1):
        keeper.update(epoch, {"val_loss": value})

    assert keeper.epoch == 3


def test_the_last_weights_are_kept_where_that_is_asked_for_or_nothing_is_measured():
    for keep in ("last", "best"):
        keeper = Keeper(keep, Objective("val_accuracy", Direction.MAXIMIZE))
        for epoch in range(1, 4):
            keeper.update(epoch, {"loss": 1.0})
        assert keeper.epoch == 3
