"""Optimizers by their names, with variables for the numbers that change from trial to trial."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from hpsearch.errors import BuildError
from hpsearch.space.values import Plain
from hpsearch.training.layer_calls import first_line, load
from hpsearch.training.variable_layers import VariableSGD


def optimizer_class(name: str) -> type[Any]:
    """Keras's optimizer of that name, however it is written: ``adam``, ``AdamW``. Raises ValueError."""
    for attribute, found in vars(keras.optimizers).items():
        if inspect.isclass(found) and attribute.lower() == name.lower().replace("_", ""):
            return found
    raise ValueError(f"{name} is not an optimizer of Keras")


def make_optimizer(settings: Mapping[str, Plain] | str, *, mixed_precision: bool = False) -> Any:
    """The optimizer that `settings` describe, not built yet.

    Raises:
        BuildError: Keras refuses it.
    """
    arguments = {"name": settings} if isinstance(settings, str) else dict(settings)
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
    optimizer = optimizer_class(name)
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
