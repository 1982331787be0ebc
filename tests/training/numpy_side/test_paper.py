"""Parameter counts and shapes on paper."""

from __future__ import annotations

import time

import keras
import psutil
import pytest
from keras.src.backend.common import global_state

from hpsearch.errors import BuildError
from hpsearch.space.catalogue import DataFacts
from hpsearch.space.configuration import Configuration
from hpsearch.training.paper import count_parameters

CIFAR10, CIFAR100, MNIST = DataFacts(10, (32, 32, 3)), DataFacts(100, (32, 32, 3)), DataFacts(10, (28, 28, 1))
TRAINING = {"loss": "sparse_categorical_crossentropy"}


def configuration(*layers) -> Configuration:
    return Configuration(dataset={}, layers=layers, training=TRAINING)


def convolution(filters: int, size: int = 3, **arguments) -> dict:
    return {"Conv2D": {"filters": filters, "kernel_size": size, **arguments}}


def softmax(classes: int) -> dict:
    return {"Dense": {"units": classes, "activation": "softmax"}}


NORMALISED = ("BatchNormalization", {"Activation": "relu"})
BASELINE = (
    *(convolution(32), *NORMALISED, "MaxPooling2D"),
    *(convolution(64), *NORMALISED, "MaxPooling2D"),
    *("Flatten", {"Dense": 512}, *NORMALISED, {"Dropout": 0.5}, softmax(100)),
)
LENET = (
    *(convolution(6, 5, padding="same", activation="relu"), "MaxPooling2D"),
    *(convolution(16, 5, activation="relu"), "MaxPooling2D", "Flatten"),
    *({"Dense": {"units": units, "activation": "relu"}} for units in (120, 84)),
    softmax(10),
)
DEEP = (
    *(
        layer
        for filters in (32, 64, 128)
        for layer in (
            *(convolution(filters, padding="same", activation="relu"), "BatchNormalization") * 2,
            "MaxPooling2D",
        )
    ),
    *("Flatten", {"Dropout": 0.2}, {"Dense": {"units": 1024, "activation": "relu"}}, {"Dropout": 0.5}, softmax(10)),
)


@pytest.mark.parametrize(
    ("layers", "facts", "parameters"),
    [(BASELINE, CIFAR100, 1_253_284), (LENET, MNIST, 61_706), (DEEP, CIFAR10, 2_397_226)],
    ids=["baseline", "lenet", "deep"],
)
def test_the_counts_are_those_that_keras_prints(layers, facts, parameters):
    assert count_parameters(configuration(*layers), facts) == parameters


def test_a_model_of_any_size_takes_no_memory():
    before = psutil.Process().memory_info().rss
    started = time.perf_counter()

    parameters = count_parameters(configuration("Flatten", {"Dense": 100_000}, {"Dense": 600_000}, softmax(10)), MNIST)

    assert parameters > 6e10
    assert psutil.Process().memory_info().rss - before < 100e6
    assert time.perf_counter() - started < 5


def test_many_models_leave_nothing_behind():
    small = configuration("Flatten", {"Dropout": 0.1}, {"Dense": 4}, "BatchNormalization", softmax(10))
    for _ in range(20):
        count_parameters(small, MNIST)
    before = psutil.Process().memory_info().rss

    for _ in range(300):
        count_parameters(small, MNIST)

    assert not global_state.get_global_attribute("uninitialized_variables", [])
    assert psutil.Process().memory_info().rss - before < 4e6


def test_a_failed_build_leaves_nothing_behind():
    with pytest.raises(BuildError):
        count_parameters(configuration({"Dense": 4}, {"MaxPooling2D": 100}), MNIST)

    assert not global_state.get_global_attribute("uninitialized_variables", [])
    assert keras.Variable(1.0).value == 1.0  # variables are real again


@pytest.mark.parametrize(
    ("layers", "output"),
    [([softmax(10)], "28 x 28 x 10"), (["Flatten", softmax(9)], "9"), ([], "28 x 28 x 1")],
)
def test_an_output_that_does_not_fit_the_classes_is_refused(layers, output):
    with pytest.raises(BuildError, match=f"output is {output} for an image, but 10 classes need 10 numbers"):
        count_parameters(configuration(*layers), MNIST)
