"""Augmentation: Keras's layers on pixels as stored, in training only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from hpsearch.errors import BuildError
from hpsearch.space.values import Plain
from hpsearch.training.layer_calls import first_line, layer_call, parse, signature_of

MIXING_LAYERS = (keras.layers.MixUp, keras.layers.CutMix)


def make_augmentation(items: Sequence[Plain], value_range: tuple[float, float], *, custom: bool = True) -> list[Any]:
    """The layers that `items` (``augmentation``) describe.

    Args:
        items: names, ``{name: value}`` or ``{name: {argument: value}}``.
        value_range: of the pixels as stored; filled in where a layer takes one and none is given.
        custom: whether layers of one's own may be imported.

    Raises:
        BuildError: Keras refuses a layer.
    """
    layers = []
    for item in items:
        name = str(item)
        try:
            name, value = parse(item)
            call = layer_call(name, value, custom=custom)
            if call.layer is None:
                raise ValueError("an activation is no augmentation")
            arguments: dict[str, Any] = dict(call.arguments)
            layer: Any = call.layer
            if "value_range" in signature_of(layer).arguments:
                arguments.setdefault("value_range", value_range)
            layers.append(layer(**arguments))
        except (ValueError, TypeError) as error:
            raise BuildError(f"The augmentation {name} cannot be made: {first_line(error)}") from error
    return layers


def mixes_labels(layers: Sequence[Any]) -> bool:
    """Whether a layer mixes images and so needs labels that are shares of classes."""
    return any(isinstance(layer, MIXING_LAYERS) for layer in layers)


def augment(layers: Sequence[Any], images: Any, labels: Any) -> tuple[Any, Any]:
    """A batch after all `layers`: images of shape (batch, ...) float32, labels as given, or mixed."""
    for layer in layers:
        if isinstance(layer, MIXING_LAYERS):
            mixed: Mapping[str, Any] = layer({"images": images, "labels": labels}, training=True)
            images, labels = mixed["images"], mixed["labels"]
        else:
            images = layer(images, training=True)
    return images, labels
