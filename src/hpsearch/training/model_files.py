"""`.keras` files of trained models, made of Keras's own layers, and predictions with them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hpsearch.errors import ConfigError, DataError
from hpsearch.space.values import Plain
from hpsearch.training.building import build_model, layer_names
from hpsearch.training.layer_calls import load


def model_file(
    layers: Sequence[Plain],
    input_shape: Sequence[int],
    rescaling: Plain | None,
    members: Sequence[Mapping[str, NDArray[Any]]],
    *,
    combine: str | None = None,
    custom: bool = True,
) -> bytes:
    """A `.keras` file that takes images as stored, (batch, *input_shape); it loads where hpsearch is not installed.

    Args:
        layers: as in `Configuration.layers`.
        input_shape: (height, width, channels) or (features,).
        rescaling: the layer between images as stored and the model, or None.
        members: arrays by the path of their variable, for each model of an ensemble; mostly one.
        combine: how members make one prediction: ``mean`` or ``vote``; None for one model.
        custom: whether layers of one's own may be imported.
    """
    in_front = [rescaling] if rescaling else []
    models = []
    for place, arrays in enumerate(members):
        model = build_model([*in_front, *layers], input_shape, custom=custom)
        _load(model, arrays)
        if combine is not None:
            model.name = f"member_{place}"
        models.append(model)
    whole = models[0] if combine is None else _ensemble(models, input_shape, combine)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        whole.save(path)
        return path.read_bytes()


def load_model(path: str | Path, layers: Sequence[Plain]) -> Any:
    """The model in a `.keras` file that was made of `layers`; Keras itself finds all but layers of one's own.

    Raises ConfigError where such a layer cannot be imported here.
    """
    try:
        own = {name.partition(":")[2]: load(name) for name in layer_names(layers) if ":" in name}
    except ValueError as error:
        raise ConfigError(f"The model has a layer of one's own: {error}.") from error
    return keras.models.load_model(path, custom_objects=own, compile=False)


def classes_of(model: Any, images: NDArray[Any], batch_size: int = 1024) -> NDArray[np.int64]:
    """The class of each image, (N,), by a model of a `.keras` file; `images` as stored, not rescaled.

    Raises DataError where they have another shape than the model's input.
    """
    if images.shape[1:] != model.input_shape[1:]:
        wanted, given = ("x".join(map(str, shape[1:])) for shape in (model.input_shape, images.shape))
        raise DataError(f"the model takes images of {wanted}; these are {given}")
    shares = [
        keras.ops.convert_to_numpy(model(images[start : start + batch_size], training=False))
        for start in range(0, len(images), batch_size)
    ]
    return np.concatenate(shares).argmax(axis=-1) if shares else np.zeros(0, np.int64)


def _load(model: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Give each weight of `model` its array; those that only training needs are left over."""
    for variable in model.weights:
        if variable.path in arrays:
            variable.assign(arrays[variable.path])
        elif not variable.path.startswith("raw_pixels/"):
            raise KeyError(f"There are no trained weights for {variable.path}.")


def _ensemble(models: Sequence[Any], input_shape: Sequence[int], combine: str) -> Any:
    inputs = keras.Input(tuple(input_shape), name="input")
    outputs = [model(inputs) for model in models]
    if combine == "vote":
        outputs = [keras.ops.one_hot(keras.ops.argmax(output, axis=-1), output.shape[-1]) for output in outputs]
    merged = keras.layers.Average(name="ensemble", dtype="float32")(outputs) if len(outputs) > 1 else outputs[0]
    return keras.Model(inputs, merged, name="model")
