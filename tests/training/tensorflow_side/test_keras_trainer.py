"""The Keras trainer on TensorFlow: what it promises of results, checkpoints and kept epochs."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest
from tensorflow.python.framework.func_graph import FuncGraph
from tests.training.tensorflow_side.tasks import LAYERS, task

from hpsearch.errors import BuildError, Diverged
from hpsearch.study import Direction
from hpsearch.training import kept_epochs
from hpsearch.training.compiled import arrays_of
from hpsearch.training.registry import make_trainer

SGD = {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9}


@pytest.fixture(autouse=True)
def no_kept_epochs():
    kept_epochs.clear()


def values_of(trainer, epochs):
    return [dict(trainer.advance().values) for _ in range(epochs)]


def weights_of(trainer):
    return arrays_of(trainer._borrow().parts.model.variables)


def assert_equal_bits(left, right):
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_training_learns_and_names_its_values():
    trainer = make_trainer(task(epochs=6, optimizer={"name": "adam", "learning_rate": 0.01}))

    values = values_of(trainer, 6)

    assert list(values[0]) == ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
    assert values[-1]["loss"] < values[0]["loss"]
    assert values[-1]["accuracy"] > 0.4
    assert trainer.epoch == 6


@pytest.mark.parametrize(
    "more",
    [
        {"optimizer": {"name": "adam", "learning_rate": 1e-3}},
        {"optimizer": {"name": "nadam", "learning_rate": 1e-3}, "learning_rate_schedule": {"every": 2, "factor": 0.5}},
        {"optimizer": SGD, "learning_rate_schedule": {"steps": {"3": 0.1, "5": 0.01}}},
        {
            "optimizer": {**SGD, "nesterov": True, "weight_decay": 1e-3},
            "learning_rate_schedule": {"cosine": {"warmup": 2, "final": 0.01}},
        },
        {
            "optimizer": {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01, "use_ema": True},
            "reduce_on_plateau": {"monitor": "val_loss", "factor": 0.5, "patience": 0, "min_delta": 10.0},
        },
        {
            "optimizer": {"name": "rmsprop", "learning_rate": 1e-3, "momentum": 0.5},
            "learning_rate_schedule": {"cyclic": {"cycles": 3, "shape": "triangular"}},
            "early_stopping": {"monitor": "val_loss", "patience": 100},
        },
        {
            "augmentation": [
                {"RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1}},
                {"RandomRotation": 0.05},
                {"RandomBrightness": 0.1},
                "MixUp",
            ]
        },
    ],
    ids=["adam", "nadam-every", "sgd-steps", "nesterov-cosine", "adamw-ema-plateau", "rmsprop-cyclic", "augmentation"],
)
def test_three_epochs_and_six_more_from_a_checkpoint_are_nine_bit_for_bit(more):
    whole = make_trainer(task(**more))
    nine = values_of(whole, 9)
    first = make_trainer(task(**more))
    three = values_of(first, 3)
    saved = first.checkpoint()

    kept_epochs.clear()
    second = make_trainer(task(**more))
    second.restore(saved)
    six = values_of(second, 6)

    assert three + six == nine
    assert_equal_bits(weights_of(second), weights_of(whole))
    assert second.checkpoint() == whole.checkpoint()
    assert second.evaluate() == whole.evaluate()


def test_a_kept_epoch_with_other_numbers_equals_a_fresh_trace_bit_for_bit():
    other_layers = ({"Conv2D": {**LAYERS[0]["Conv2D"], "kernel_regularizer": {"l2": 0.02}}}, *LAYERS[1:5])
    other_layers = (*other_layers, {"Dropout": {"rate": 0.0}}, LAYERS[6])
    other = task(layers=other_layers, optimizer={**SGD, "learning_rate": 0.05, "momentum": 0.3}, seed=8)
    fresh = make_trainer(other)
    expected = values_of(fresh, 3)
    kept_epochs.clear()

    first = make_trainer(task(optimizer=SGD))
    values_of(first, 2)
    reused = make_trainer(other)
    values = values_of(reused, 3)

    assert reused._borrow() is not fresh._borrow()
    assert reused._borrow().train.experimental_get_tracing_count() == 1
    assert values == expected
    assert_equal_bits(weights_of(reused), weights_of(fresh))


def graphs_alive():
    gc.collect()
    return sum(isinstance(one, FuncGraph) for one in gc.get_objects())


@pytest.mark.parametrize("activation", ["relu", "silu"])  # both nadam and silu have gradients of their own
def test_a_forgotten_structure_leaves_nothing_behind(activation):
    alive = graphs_alive()
    for filters in (4, 5):
        layers = ({"Conv2D": {"filters": filters, "kernel_size": 3}}, {"Activation": activation}, *LAYERS[4:])
        make_trainer(task(layers=layers, optimizer={"name": "nadam", "learning_rate": 1e-3})).advance()
    assert graphs_alive() > alive

    kept_epochs.clear()

    assert graphs_alive() == alive


def test_two_trainings_that_share_a_compiled_epoch_do_not_disturb_each_other():
    alone = [values_of(make_trainer(task(seed=seed)), 4) for seed in (1, 2)]

    trainers = [make_trainer(task(seed=seed)) for seed in (1, 2)]
    together = [[], []]
    for _ in range(4):
        for trainer, values in zip(trainers, together, strict=True):
            values.append(dict(trainer.advance().values))

    assert together == alone


def test_a_parent_with_a_smaller_budget_is_continued_as_if_there_had_been_no_rung():
    schedule = {"learning_rate_schedule": {"cosine": {}}}
    whole = make_trainer(task(**schedule))
    nine = values_of(whole, 9)
    parent = make_trainer(replace(task(**schedule), epochs=3))
    values_of(parent, 3)

    child = make_trainer(task(**schedule))
    child.restore(parent.checkpoint())

    assert values_of(child, 6) == nine[3:]


def test_the_kept_weights_are_those_of_the_best_epoch():
    trainer = make_trainer(task(metric="val_loss", direction=Direction.MINIMIZE, optimizer=SGD, epochs=6))
    losses = []
    weights = []
    for _ in range(6):
        losses.append(trainer.advance().values["val_loss"])
        weights.append(weights_of(trainer))

    evaluation = trainer.evaluate()

    assert evaluation.epoch == losses.index(min(losses)) + 1
    assert_equal_bits(trainer._kept.members[0], weights[evaluation.epoch - 1])
    assert_equal_bits(weights_of(trainer), weights[-1])


def test_a_loss_that_is_no_number_ends_the_training_as_diverged():
    trainer = make_trainer(task(optimizer={**SGD, "learning_rate": 1e12}))

    with pytest.raises(Diverged, match=r"loss became (NaN|infinite) in epoch \d"):
        values_of(trainer, 9)


def test_early_stopping_ends_a_training_and_survives_a_checkpoint():
    stopping = {"early_stopping": {"monitor": "val_loss", "patience": 1, "min_delta": 100.0}}
    trainer = make_trainer(task(**stopping))

    results = [trainer.advance(), trainer.advance()]

    assert [result.stopped_early for result in results] == [False, True]
    again = make_trainer(task(**stopping))
    again.restore(trainer.checkpoint())
    assert again.stopped_early


def test_without_validation_the_last_weights_are_kept_and_watchers_rest():
    trainer = make_trainer(
        task(dataset={"validation": None}, early_stopping={"patience": 0}, reduce_on_plateau={"patience": 0})
    )

    values = values_of(trainer, 3)

    assert all(not any(name.startswith("val_") for name in epoch) for epoch in values)
    assert not trainer.stopped_early
    assert trainer.evaluate().epoch == 3


def test_images_too_many_for_the_device_are_streamed_with_the_same_result():
    from hpsearch.training.keras_trainer import KerasTrainer, training_data

    wanted = task()
    expected = values_of(make_trainer(wanted), 3)
    data = training_data(wanted.configuration.dataset, wanted.split_seed)

    streamed = KerasTrainer(wanted, data, in_memory_bytes=1000)

    assert values_of(streamed, 3) == expected


@pytest.mark.parametrize(
    ("loss", "metrics", "names"),
    [
        ("mean_squared_error", ["accuracy", {"F1Score": {"average": "weighted"}}], ["accuracy", "f1_weighted"]),
        ({"CategoricalCrossentropy": {"label_smoothing": 0.1}}, ["categorical_accuracy"], ["categorical_accuracy"]),
        ("sparse_categorical_crossentropy", [{"TopKCategoricalAccuracy": {"k": 5}}], ["top_5_accuracy"]),
        ("kl_divergence", ["AUC", "mean_squared_error"], ["auc", "mean_squared_error"]),
    ],
)
def test_losses_and_metrics_get_their_labels_in_the_form_they_compare(loss, metrics, names):
    trainer = make_trainer(task(loss=loss, metrics=metrics, metric="val_f1_macro"))

    values = values_of(trainer, 2)[-1]

    assert {*names, "f1_macro", *(f"val_{name}" for name in names)} <= set(values)
    assert all(np.isfinite(value) for value in values.values())
    assert {*names, "f1_macro", "loss"} <= set(trainer.evaluate().metrics)


OWN_JUDGES = """
import keras

def crossentropy(labels, predictions, factor=1.0):
    return factor * keras.losses.sparse_categorical_crossentropy(labels, predictions)

class Crossentropy(keras.losses.Loss):
    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def call(self, labels, predictions):
        return crossentropy(labels, predictions, self.factor)

class Mean(keras.metrics.MeanMetricWrapper):
    def __init__(self, factor=1.0):
        super().__init__(crossentropy, factor=factor)
"""


@pytest.mark.parametrize(("loss", "metric"), [("crossentropy", "Mean"), ("Crossentropy", "crossentropy")])
def test_losses_and_metrics_of_ones_own_are_functions_or_classes_and_get_their_arguments(
    loss, metric, tmp_path, monkeypatch
):
    (tmp_path / "own_judges.py").write_text(OWN_JUDGES)
    monkeypatch.syspath_prepend(tmp_path)
    double, triple = {f"own_judges:{loss}": {"factor": 2.0}}, {f"own_judges:{metric}": {"factor": 3.0}}
    layers = LAYERS[1:]  # nothing but the loss itself

    values = make_trainer(task(layers=layers, loss=double, metrics=[triple])).advance().values

    assert values["val_loss"] / 2 == pytest.approx(values[f"val_{metric}"] / 3)
    plain = make_trainer(task(layers=layers)).advance().values
    assert values["val_loss"] == pytest.approx(2 * plain["val_loss"], rel=0.05)


def test_the_last_weights_are_tested_as_they_were_validated_where_an_average_is_kept():
    averaged = {"name": "adam", "learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.9}
    last = make_trainer(task(optimizer=averaged, keep="last"))
    best = make_trainer(task(optimizer=averaged, keep={"metric": "val_loss"}))
    losses = [values["val_loss"] for values in values_of(last, 3)]
    values_of(best, 3)

    assert losses == sorted(losses, reverse=True)  # so that the last epoch is the best one
    assert last.evaluate() == best.evaluate()


def test_an_optimizer_that_keras_refuses_is_an_error_of_building():
    with pytest.raises(BuildError, match="optimizer adam"):
        make_trainer(task(optimizer={"name": "adam", "learning_rate": 1e-3, "momentums": 1}))


def test_mixed_precision_trains_and_continues_exactly():
    whole = make_trainer(task(mixed_precision=True))
    four = values_of(whole, 4)
    first = make_trainer(task(mixed_precision=True))
    values_of(first, 2)

    second = make_trainer(task(mixed_precision=True))
    second.restore(first.checkpoint())

    assert values_of(second, 2) == four[2:]
