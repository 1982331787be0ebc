"""What makes a compiled epoch small and lets it be kept changes no result."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.training.tensorflow_side.tasks import task
from tests.training.tensorflow_side.test_keras_trainer import assert_equal_bits, values_of, weights_of

from hpsearch.training import compiled, kept_epochs
from hpsearch.training.descent import OneByOne, OneVector, takes_one_vector
from hpsearch.training.layer_maker import FusedBatchNormalization
from hpsearch.training.optimizers import make_optimizer
from hpsearch.training.registry import make_trainer

ELEMENTWISE = (
    {"name": "adam", "learning_rate": 1e-3},
    {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01, "use_ema": True},
    {"name": "nadam", "learning_rate": 1e-3, "clipvalue": 0.05},
    {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9, "nesterov": True},
    {"name": "rmsprop", "learning_rate": 1e-3, "centered": True},
    {"name": "adagrad", "learning_rate": 0.05},
    {"name": "adadelta", "learning_rate": 1.0},
    {"name": "adamax", "learning_rate": 1e-3},
    {"name": "ftrl", "learning_rate": 0.05},
    {"name": "lion", "learning_rate": 1e-4},
)


@pytest.fixture(autouse=True)
def no_kept_epochs():
    kept_epochs.clear()


def layers(filters=4, kernel=3, units=16, rate=0.3, padding="same", activation="relu"):
    return (
        {
            "Conv2D": {
                "filters": filters,
                "kernel_size": kernel,
                "padding": padding,
                "kernel_regularizer": {"l2": rate / 100},
            }
        },
        {"BatchNormalization": {"momentum": 0.5}},
        {"Activation": activation},
        {"MaxPooling2D": 2},
        {"Conv2D": {"filters": 2 * filters, "kernel_size": 2, "padding": "same", "use_bias": False}},
        {"SpatialDropout2D": rate},
        "Flatten",
        {"Dense": {"units": units, "activation": "tanh"}},
        "BatchNormalization",
        {"Dropout": rate},
        {"Dense": {"units": 10, "activation": "softmax"}},
    )


def trained(epochs=2, **settings):
    """Values of all epochs, weights and checkpoint."""
    trainer = make_trainer(task(epochs=epochs, **settings))
    values = values_of(trainer, epochs)
    return values, weights_of(trainer), trainer.checkpoint()


@pytest.mark.parametrize("optimizer", ELEMENTWISE, ids=lambda optimizer: optimizer["name"])
def test_all_weights_as_one_vector_train_as_one_by_one_to_the_last_bit(optimizer, monkeypatch):
    as_one = trained(layers=layers(), optimizer=optimizer)

    kept_epochs.clear()
    monkeypatch.setattr(compiled, "descent_of", lambda model, optimizer, elastic: OneByOne(model, optimizer))
    one_by_one = trained(layers=layers(), optimizer=optimizer)

    if optimizer["name"] == "ftrl":  # raises to a power, whose last bit depends on where in a vector a number stands
        for weights, others in zip(as_one[1], one_by_one[1], strict=True):
            np.testing.assert_allclose(weights, others, rtol=1e-4, atol=1e-6)
    else:
        assert as_one[0] == one_by_one[0]
        assert_equal_bits(as_one[1], one_by_one[1])


@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "adam", "learning_rate": 1e-3, "clipnorm": 1.0},  # of each weight
        {"name": "lamb", "learning_rate": 1e-3},
        {"name": "adafactor", "learning_rate": 1e-3},
        {"name": "muon", "learning_rate": 1e-3},
    ],
    ids=lambda optimizer: optimizer["name"],
)
def test_an_optimizer_that_looks_at_whole_weights_gets_them_one_by_one_and_trains(optimizer):
    trainer = make_trainer(task(layers=layers(), optimizer=optimizer, epochs=2))

    assert not takes_one_vector(trainer._borrow().parts.model, make_optimizer(optimizer))
    assert all(np.isfinite(values["loss"]) for values in values_of(trainer, 2))


def test_weights_under_a_constraint_are_kept_within_it():
    held = {"Dense": {"units": 16, "kernel_constraint": "non_neg"}}
    trainer = make_trainer(task(layers=("Flatten", held, {"Dense": {"units": 10, "activation": "softmax"}}), epochs=2))
    values_of(trainer, 2)

    assert not isinstance(trainer._borrow()._descent, OneVector)
    assert trainer._borrow().parts.model.weights[0].numpy().min() >= 0


@pytest.mark.parametrize("optimizer", ELEMENTWISE[::3], ids=lambda optimizer: optimizer["name"])
def test_a_kept_epoch_of_another_size_equals_a_fresh_trace_bit_for_bit(optimizer):
    other = {"layers": layers(6, 3, 24, 0.2), "optimizer": optimizer, "seed": 5}
    first = make_trainer(task(layers=layers(), optimizer=optimizer, epochs=2))
    values_of(first, 1)
    traced = first._borrow()

    kept = make_trainer(task(epochs=2, **other))
    in_kept = values_of(kept, 2), weights_of(kept), kept.checkpoint()

    assert kept._borrow() is traced
    kept_epochs.clear()
    fresh = trained(**other)
    assert in_kept[0] == fresh[0]
    assert_equal_bits(in_kept[1], fresh[1])
    assert in_kept[2] == fresh[2]


@pytest.mark.parametrize(
    ("settings", "padding"), [({"kernel": 4}, "valid"), ({"kernel": 1, "filters": 3, "units": 5}, "same")]
)
def test_kernels_of_other_sizes_are_served_too(settings, padding):
    make_trainer(task(layers=layers(padding=padding), epochs=1)).advance()

    kept = trained(layers=layers(padding=padding, **settings))

    assert len(kept_epochs._kept) == 1
    kept_epochs.clear()
    fresh = trained(layers=layers(padding=padding, **settings))
    assert kept[0] == fresh[0]
    assert_equal_bits(kept[1], fresh[1])


def test_two_trainings_of_different_sizes_take_turns_on_one_epoch():
    alone = [trained(layers=layers(*sizes))[0] for sizes in ((4, 3, 16), (7, 3, 9))]

    both = [make_trainer(task(layers=layers(*sizes), epochs=2)) for sizes in ((4, 3, 16), (7, 3, 9))]
    in_turn = [[dict(trainer.advance().values) for trainer in both] for _ in range(2)]

    assert [list(values) for values in zip(*in_turn, strict=True)] == alone


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_a_kept_epoch_of_another_size_tests_and_saves_its_own_model(tmp_path):
    make_trainer(task(layers=layers(), epochs=1)).advance()
    trainer = make_trainer(task(layers=layers(8, 2, 12), epochs=2))
    values_of(trainer, 2)
    path = tmp_path / "best.keras"
    path.write_bytes(trainer.model_file())

    model = keras.models.load_model(path)

    assert model.trainable_variables[0].shape == (2, 2, 1, 8)
    evaluation = trainer.evaluate()
    images, labels = trainer._data.splits.test()
    right = np.mean(keras.ops.convert_to_numpy(model(images)).argmax(-1) == labels)
    assert right == pytest.approx(evaluation.metrics["accuracy"])


@pytest.mark.parametrize(
    "inner",
    [
        {"Conv2D": {"filters": 4, "kernel_size": 3, "groups": 1, "data_format": "channels_last", "dilation_rate": 2}},
        {"SeparableConv2D": {"filters": 4, "kernel_size": 3}},
        {"LayerNormalization": {}},
        {"Reshape": [4, 16]},
        {"residual": [{"Conv2D": {"filters": 4, "kernel_size": 3, "padding": "same"}}]},
    ],
    ids=lambda item: next(iter(item)),
)
def test_layers_that_bake_in_a_size_get_an_epoch_of_their_own_and_train_all_the_same(inner):
    def settings(units):
        return {"layers": (inner, "Flatten", {"Dense": units}, {"Dense": {"units": 10, "activation": "softmax"}})}

    make_trainer(task(epochs=1, **settings(16))).advance()
    kept = trained(**settings(8))

    assert len(kept_epochs._kept) == (1 if "Conv2D" in inner else 2)
    kept_epochs.clear()
    assert kept[0] == trained(**settings(8))[0]


def test_another_number_of_outputs_is_another_structure():
    def settings(units):
        return {"layers": ("Flatten", {"Dense": {"units": units, "activation": "softmax"}})}

    for units in (10, 12):
        make_trainer(task(epochs=1, **settings(units))).advance()

    assert len(kept_epochs._kept) == 2


@pytest.mark.parametrize("more", [{}, {"center": False}, {"scale": False}, {"epsilon": 1e-6}, {"axis": 1}])
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_batch_normalisation_in_one_operation_is_keras_own(more, dtype):
    images = np.random.default_rng(1).normal(2.0, 3.0, (5, 6, 7, 3)).astype("float32")
    layers = [
        made(momentum=0.8, dtype=dtype, **more) for made in (keras.layers.BatchNormalization, FusedBatchNormalization)
    ]
    outputs, gradients = [], []
    for layer in layers:
        layer.build(images.shape)
        for weight in layer.trainable_weights:
            weight.assign(np.linspace(0.5, 2.0, weight.shape[0]))
        inputs = tf.constant(images, tf.float16 if dtype == "mixed_float16" else tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = layer(inputs, training=True)
            total = tf.reduce_sum(tf.cast(output, tf.float32) ** 3)
        outputs.append(tf.cast(output, tf.float32).numpy())
        gradients.append(tf.cast(tape.gradient(total, inputs), tf.float32).numpy())

    tolerance = {"rtol": 2e-2, "atol": 2e-1} if dtype == "mixed_float16" else {"rtol": 1e-3, "atol": 2e-3}
    np.testing.assert_allclose(outputs[1], outputs[0], **tolerance)
    np.testing.assert_allclose(gradients[1], gradients[0], **tolerance)
    for mine, keras_own in zip(layers[1].variables, layers[0].variables, strict=True):
        np.testing.assert_allclose(mine.numpy(), keras_own.numpy(), rtol=1e-4)
