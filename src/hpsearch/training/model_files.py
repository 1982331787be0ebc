"""`.keras` files of trained models, made of Keras's own layers, and predictions with them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hpsearch.space.values import Plain
from hpsearch.training.building import build_model


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


def predict_file(path: str | Path, images: NDArray[Any], batch_size: int = 1024) -> NDArray[np.int64]:
    """The class of each image, (N,), by the model in a `.keras` file; `images` as stored, not rescaled."""
    model = keras.models.load_model(path, compile=False)
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
