"""Test images that show what a model gets right, and where it is sure and wrong."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 24  # images of each kind
_CHANNELS = (1, 3, 4)  # grey, colours, colours with opacity: what people can look at


def examples(
    images: NDArray[Any],
    labels: NDArray[np.int32],
    predictions: NDArray[np.float32],
    class_names: Sequence[str],
    value_range: tuple[float, float],
) -> bytes | None:
    """An ``.npz`` of the wrong images that the model is surest of, then of right ones; None where there are no images.

    Its arrays: ``images`` (n, height, width, channels), uint8, `value_range` being 0 to 255; ``true`` and
    ``predicted`` labels; ``probability``, the model's output for the predicted class; ``index`` in the test split;
    ``names`` of all classes. The right ones are spread evenly over the test split, in its order. No pickle.

    Args:
        images: the test split, (N, height, width, channels) as stored. Only what is picked is copied.
        labels: (N,).
        predictions: (N, classes).
        class_names: in label order.
        value_range: smallest and largest value of a pixel as stored.
    """
    if images.ndim != 4 or images.shape[-1] not in _CHANNELS:
        return None
    predicted = predictions.argmax(axis=-1)
    outputs = np.take_along_axis(predictions, predicted[:, np.newaxis], axis=-1)[:, 0]
    index = np.concatenate([_surest(np.flatnonzero(predicted != labels), outputs), _spread(predicted == labels)])
    file = io.BytesIO()
    np.savez_compressed(
        file,
        allow_pickle=False,
        images=_eight_bits(images[index], value_range),
        true=labels[index],
        predicted=predicted[index].astype(np.int32),
        probability=outputs[index],
        index=index,
        names=np.array(class_names, dtype=np.str_),
    )
    return file.getvalue()


def _surest(places: NDArray[np.intp], outputs: NDArray[np.float32]) -> NDArray[np.intp]:
    """The places with the largest outputs, those first; ties in the order of the test split."""
    return places[np.argsort(-outputs[places], kind="stable")][:MOST]


def _spread(is_right: NDArray[np.bool_]) -> NDArray[np.intp]:
    places = np.flatnonzero(is_right)
    return places[np.linspace(0, len(places) - 1, min(len(places), MOST)).round().astype(np.intp)]


def _eight_bits(images: NDArray[Any], value_range: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = value_range
    if images.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return images
    shares = (images.astype(np.float64) - low) / (high - low if high > low else 1.0)
    return (shares.clip(0.0, 1.0) * 255).round().astype(np.uint8)
