"""Keras models from layers as data, on whatever backend Keras runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from hpsearch.errors import BuildError, OutOfMemory
from hpsearch.space.values import Plain
from hpsearch.training.layer_calls import LayerCall, first_line, layer_call, load, parse
from hpsearch.training.layer_registry import COMPOSITES

MakeLayer = Callable[[str, type[Any], dict[str, Any]], Any]
"""``make(name, layer_class, arguments) -> layer``: lets a trainer put its own layers in the place of plain ones."""


def build_model(
    layers: Sequence[Plain], input_shape: Sequence[int], *, make: MakeLayer | None = None, custom: bool = True
) -> keras.Model:
    """A functional Keras model of `layers` on inputs of shape ``(batch, *input_shape)``, without any rescaling.

    Names of layers follow from their place alone (``conv2d``, ``conv2d_1``), so that models of equal layers are
    equal however many were built before.

    Args:
        layers: as in `Configuration.layers`.
        input_shape: (height, width, channels) or (features,).
        make: makes each layer from its name in the file, its class and its arguments (a ``name`` among them,
            regularizers as fresh objects); None calls the class.
        custom: whether layers of one's own, ``module:Class``, may be imported.

    Raises:
        BuildError: Keras refuses a layer or a shape; one sentence.
        OutOfMemory: the device had no room for the weights.
    """
    inputs = keras.Input(tuple(input_shape), name="input")
    # on NumPy, Keras finds shapes by calling layers on whatever lies in memory: what overflows there means nothing
    with np.errstate(all="ignore"):
        outputs = Builder(make, custom).apply(layers, inputs)
        try:
            return keras.Model(inputs, outputs, name="model")
        except ValueError as error:
            raise BuildError(f"The model cannot be built: {first_line(error)}") from error


class Builder:
    """Applies items to tensors and gives every layer the name that its place in the model has."""

    def __init__(self, make: MakeLayer | None = None, custom: bool = True) -> None:
        self._make = make or _call_class
        self._custom = custom
        self._names: Counter[str] = Counter()

    def apply(self, layers: Sequence[Plain], tensor: Any) -> Any:
        """`tensor` after all `layers`. Raises BuildError or OutOfMemory."""
        for position, item in enumerate(layers, 1):
            name = str(item)
            try:
                name, value = parse(item)
                if name in COMPOSITES:
                    tensor = load(COMPOSITES[name])(self, value, tensor)
                else:
                    tensor = self._apply_call(layer_call(name, value, custom=self._custom), tensor)
            except (BuildError, OutOfMemory):
                raise
            except Exception as error:  # whatever Keras, a backend or a layer of one's own raises here
                if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
                    raise OutOfMemory(f"No room for the weights of {name} (layer {position}).") from error
                raise BuildError(f"{name} (layer {position}) cannot be built: {first_line(error)}") from error
        return tensor

    def layer(self, name: str, layer: type[Any], arguments: Mapping[str, Plain]) -> Any:
        """A layer under the next free name of its kind, its regularizers made from their mappings."""
        made = {key: regularizer(value) if key.endswith("_regularizer") else value for key, value in arguments.items()}
        if made.get("name") is None:
            made["name"] = self._next_name(layer.__name__)
        return self._make(name, layer, made)

    def _apply_call(self, call: LayerCall, tensor: Any) -> Any:
        if call.layer is not None:
            return self.layer(call.name, call.layer, call.arguments)(tensor)
        assert call.function is not None
        tensor = getattr(keras.ops, call.function)(tensor, **call.arguments)
        # an operation takes its name from a counter of the whole process
        tensor._keras_history.operation.name = self._next_name(call.function)
        return tensor

    def _next_name(self, class_name: str) -> str:
        stem = _snake_case(class_name)
        index = self._names[stem]
        self._names[stem] += 1
        return f"{stem}_{index}" if index else stem


def layer_names(layers: Sequence[Plain]) -> Iterator[str]:
    """The names of all layers as the file has them, those inside composites too."""
    for item in layers:
        name, value = parse(item)
        yield name
        if name in COMPOSITES:
            yield from layer_names(value)


def _call_class(name: str, layer: type[Any], arguments: dict[str, Any]) -> Any:
    return layer(**arguments)


def regularizer(value: Plain) -> Any:
    """A fresh regularizer of Keras from ``{l1: ..., l2: ...}``; names and None are left to Keras.

    Raises:
        ValueError: keys other than l1 and l2, or factors that are no numbers.
    """
    if not isinstance(value, Mapping):
        return value
    factors = {key: float(factor) for key, factor in value.items()}
    match sorted(factors):
        case ["l1"]:
            return keras.regularizers.L1(factors["l1"])
        case ["l2"]:
            return keras.regularizers.L2(factors["l2"])
        case ["l1", "l2"]:
            return keras.regularizers.L1L2(factors["l1"], factors["l2"])
    raise ValueError(f"a regularizer is a mapping of l1 and l2, not of {', '.join(sorted(factors)) or 'nothing'}")


def _snake_case(class_name: str) -> str:
    """``MaxPooling2D`` as Keras writes it in names: ``max_pooling2d``."""
    spaced = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", spaced).lower()
