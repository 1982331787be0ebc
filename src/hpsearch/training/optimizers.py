"""Optimizers by their names, with variables for the numbers that change from trial to trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from hpsearch.errors import BuildError
from hpsearch.space.values import Plain
from hpsearch.training.keras_names import optimizers
from hpsearch.training.layer_calls import first_line, load
from hpsearch.training.variable_layers import VariableSGD


def make_optimizer(settings: Mapping[str, Plain] | str, *, mixed_precision: bool = False) -> Any:
    """The optimizer that `settings` describe, not built yet.

    Raises:
        BuildError: Keras refuses it.
    """
    arguments: dict[str, Any] = {"name": settings} if isinstance(settings, str) else dict(settings)
    name = str(arguments.pop("name"))
    for key in ("learning_rate", "momentum"):
        if arguments.get(key) is not None:
            arguments[key] = float(arguments[key])
    try:
        optimizer = load(name)(**arguments) if ":" in name else _keras_optimizer(name, arguments)
    except (ValueError, TypeError) as error:
        raise BuildError(f"The optimizer {name} cannot be made: {first_line(error)}") from error
    return keras.optimizers.LossScaleOptimizer(optimizer) if mixed_precision else optimizer


def _keras_optimizer(name: str, arguments: dict[str, Any]) -> Any:
    optimizer = optimizers().get(name)
    if optimizer is None:
        raise ValueError(f"{name} is not known to Keras")
    if optimizer is keras.optimizers.SGD:
        optimizer = VariableSGD
    made = optimizer(**arguments)
    if arguments.get("weight_decay") is not None:
        made.weight_decay = keras.Variable(
            float(arguments["weight_decay"]), trainable=False, dtype="float32", name="weight_decay"
        )
    return made


def innermost(optimizer: Any) -> Any:
    """The optimizer that does the steps: the one inside a LossScaleOptimizer."""
    return getattr(optimizer, "inner_optimizer", optimizer)
