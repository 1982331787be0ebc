"""Arrays as they come in, checked and brought to one form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hpsearch.errors import DataError
from hpsearch.space.values import Plain
from hpsearch.training.datasets.splits import Array, Labels


def images(raw: Any, name: str, source: str, like: Array | None = None) -> Array:
    """`raw` as uint8 or float32 of shape (N, height, width, channels) or (N, features).

    Args:
        raw: of shape (N, height, width) gets a channel; whatever is not uint8 becomes float32.
        name: ``x_train``, for the error.
        source: file or folder, for the error.
        like: images whose shape (but for N) `array` must have.

    Raises:
        DataError: not numbers, no images, another shape, or values that are NaN or infinite.
    """
    array: Array = np.asarray(raw)
    if array.dtype == object or array.dtype.kind not in "buif":
        raise DataError(f"{source}: {name} holds {array.dtype}, not numbers.")
    if not 2 <= array.ndim <= 4 or 0 in array.shape:
        raise DataError(f"{source}: {name} has shape {array.shape}, not (images, height, width, channels).")
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if like is not None and array.shape[1:] != like.shape[1:]:
        raise DataError(f"{source}: {name} has images of {_size(array)}, but x_train of {_size(like)}.")
    if array.dtype == np.uint8:
        return array
    array = array.astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        raise DataError(f"{source}: {name} holds values that are NaN or infinite.")
    return array


def labels(raw: Any, name: str, source: str, of: Array, classes: int | None = None) -> Labels:
    """`raw` as int32 labels of shape (N,), from 0; (N, 1) is flattened.

    Raises:
        DataError: not whole numbers, not as many as images in `of`, negative, or not below `classes`.
    """
    array: Array = np.asarray(raw)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{source}: {name} has shape {array.shape}; labels are one whole number for each image.")
    if array.dtype.kind not in "ui":
        raise DataError(f"{source}: {name} holds {array.dtype}; labels are whole numbers from 0.")
    if len(array) == 0:
        raise DataError(f"{source}: {name} is empty; there must be a label for each image.")
    if len(array) != len(of):
        raise DataError(f"{source}: {name} has {len(array)} labels for {len(of)} images.")
    if array.min() < 0 or array.max() >= (classes or 2**31):
        limit = f" to {classes - 1}" if classes is not None else ""
        raise DataError(f"{source}: {name} has labels from {array.min()} to {array.max()}, not from 0{limit}.")
    return array.astype(np.int32)


def names_of(class_names: Sequence[Any] | None, y_train: Labels, source: str) -> tuple[str, ...]:
    """The name of each class: `class_names`, or the labels as text.

    Raises:
        DataError: more or fewer names than classes, or a class without an image.
    """
    present = np.unique(y_train)
    names: Sequence[object] = range(int(present[-1]) + 1)  # of any length, should a label be a large number
    if class_names is not None:
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in class_names]
    if present[-1] >= len(names):
        raise DataError(f"{source}: y_train has labels up to {present[-1]}, but there are {len(names)} class names.")
    if len(present) < len(names):
        empty = next(label for label in range(len(names)) if label == len(present) or present[label] != label)
        raise DataError(f"{source}: class {names[empty]} (label {empty}) has no image in y_train.")
    if len(names) < 2:
        raise DataError(f"{source}: y_train has one class only; there must be at least two.")
    return tuple(map(str, names))


def rescaling(wish: Plain, x_train: Array, default: float | None = None) -> float | str | None:
    """What is done to pixels before the model: a factor, ``standardize``, or None.

    Args:
        wish: of the space file; an Ellipsis where it says nothing.
        default: the data set's own; where it has none, 1/255 for uint8 and nothing for floats.
    """
    if wish is ...:
        return default if default is not None else (1 / 255 if x_train.dtype == np.uint8 else None)
    if wish in (None, "none"):
        return None
    if wish == "standardize":
        return "standardize"
    if isinstance(wish, bool) or not isinstance(wish, int | float) or not np.isfinite(wish) or wish == 0:
        raise DataError(f"rescale: {wish!r} is neither a factor (1/255), nor `standardize`, nor `none`.")
    return float(wish)


def _size(array: Array) -> str:
    return "x".join(str(size) for size in array.shape[1:])
