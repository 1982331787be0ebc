"""Small trainings on scikit-learn's digits, for the tests beside this file."""

from __future__ import annotations

from typing import Any

from hpsearch.space.configuration import Configuration
from hpsearch.study import Direction, Objective
from hpsearch.training.task import Task

LAYERS = (
    {"Conv2D": {"filters": 4, "kernel_size": 3, "kernel_regularizer": {"l2": 1e-3}}},
    {"BatchNormalization": {"momentum": 0.5}},
    {"Activation": "relu"},
    {"MaxPooling2D": 2},
    "Flatten",
    {"Dropout": 0.3},
    {"Dense": {"units": 10, "activation": "softmax"}},
)


def task(
    *,
    layers: tuple[Any, ...] = LAYERS,
    optimizer: Any = None,
    metric: str = "val_accuracy",
    direction: Direction = Direction.MAXIMIZE,
    keep: Any = "best",
    seed: int = 3,
    epochs: int = 9,
    dataset: dict[str, Any] | None = None,
    keep_weights: bool = True,
    **training: Any,
) -> Task:
    """A task on 300 digits; `training` are more keys of that section."""
    settings = {
        "trainer": "keras",
        "epochs": epochs,
        "batch_size": 64,
        "optimizer": optimizer or {"name": "adam", "learning_rate": 1e-3},
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
        **training,
    }
    data = {"name": "digits", "validation": 0.1, "train_subset": 300, **(dataset or {})}
    return Task(
        Configuration(data, layers, settings, keep),
        Objective(metric, direction),
        seed=seed,
        split_seed=1,
        epochs=epochs,
        keep_weights=keep_weights,
    )
