"""CIFAR-10 and one fixed network on it, as the benchmarks beside this file train them: for hpsearch and in plain Keras.

The network is one configuration of search_spaces/cifar10_random_subset.yaml, which is that of cifar10_random.yaml for
few images: the smallest filters and dense layer, Adam, and batch normalisation that does not lag behind few steps.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.turns import BUILD

from hpsearch.errors import HpsearchError
from hpsearch.training.datasets import Splits, cached

CACHE_HOME = BUILD / "cache"  # as XDG_CACHE_HOME, so that the user's own cache is left alone
ARRAYS = CACHE_HOME / "hpsearch"  # where `hpsearch run` keeps decoded images then
BATCH_SIZE = 32
LEARNING_RATE = 5e-4  # in the middle of that space's, on its logarithmic scale
FILTERS = (32, 64)
DENSE = 64
BN_MOMENTUM = 0.9
SHIFT = 0.1
AUGMENTATION = ({"RandomFlip": "horizontal"}, {"RandomTranslation": {"height_factor": SHIFT, "width_factor": SHIFT}})
LAYERS: tuple[Any, ...] = (
    {"Conv2D": {"filters": FILTERS[0], "kernel_size": 3}},
    {"BatchNormalization": {"momentum": BN_MOMENTUM}},
    {"Activation": "relu"},
    "MaxPooling2D",
    {"Conv2D": {"filters": FILTERS[1], "kernel_size": 3}},
    {"BatchNormalization": {"momentum": BN_MOMENTUM}},
    {"Activation": "relu"},
    "MaxPooling2D",
    "Flatten",
    {"Dense": DENSE},
    {"BatchNormalization": {"momentum": BN_MOMENTUM}},
    {"Activation": "relu"},
    {"Dense": {"units": 10, "activation": "softmax"}},
)


def training_split() -> Splits:
    """The training images as hpsearch reads them, decoded once for all processes; SystemExit where there are none."""
    try:
        return cached({"name": "cifar10"}, os.environ.get("HPSEARCH_DATA_DIR"), str(ARRAYS))
    except HpsearchError as error:
        raise SystemExit(str(error)) from error


def raw_arrays() -> tuple[np.ndarray, np.ndarray]:
    """Training images (50000, 32, 32, 3) uint8 and labels (50000,), loaded without hpsearch from the same place."""
    import keras

    file = Path(os.environ.get("HPSEARCH_DATA_DIR", "")) / "cifar10.npz"
    if file.is_file():
        with np.load(file) as arrays:
            return arrays["x_train"], arrays["y_train"].reshape(-1)
    (images, labels), _ = keras.datasets.cifar10.load_data()
    return images, labels.reshape(-1)


def keras_model(*, augmented: bool = False, learning_rate: float = LEARNING_RATE) -> Any:
    """The network as a person writes it in Keras, compiled; augmentation stands in the model's first layers."""
    import keras

    layers = keras.layers
    first = [layers.RandomFlip("horizontal"), layers.RandomTranslation(SHIFT, SHIFT)] if augmented else []
    model = keras.Sequential(
        [
            layers.Input((32, 32, 3)),
            *first,
            layers.Conv2D(FILTERS[0], 3),
            layers.BatchNormalization(momentum=BN_MOMENTUM),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(FILTERS[1], 3),
            layers.BatchNormalization(momentum=BN_MOMENTUM),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(DENSE),
            layers.BatchNormalization(momentum=BN_MOMENTUM),
            layers.Activation("relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def space(epochs: int, trials: int) -> Mapping[str, Any]:
    """A space file's content: that network with `trials` learning rates, 45,000 images to train on and 5,000 beside."""
    return {
        "study": "cifar10-memory",
        "dataset": {"name": "cifar10", "validation": 0.1},
        "parameters": {"learning_rate": {"type": "float", "min": 1e-4, "max": 1e-3, "scale": "log"}},
        "model": list(LAYERS),
        "training": {
            "epochs": epochs,
            "batch_size": BATCH_SIZE,
            "optimizer": {"name": "adam", "learning_rate": "$learning_rate"},
            "loss": "sparse_categorical_crossentropy",
        },
        "search": {"backend": "random", "max_trials": trials},
    }
