"""The data that a process trains on: loaded once, shared with other processes where they are memory-mapped."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hpsearch.space.values import Plain
from hpsearch.training.datasets import Splits, cached, split_indices
from hpsearch.training.datasets.splits import Array, Indices, Labels

IN_MEMORY_BYTES = 8 * 2**30  # training images beyond this are streamed rather than given to the device whole
_SPLIT_KEYS = ("validation", "train_subset")
_KEPT_DATASETS = 2

_loaded: OrderedDict[str, Splits] = OrderedDict()


@dataclass(frozen=True)
class TrainingData:
    """A data set and the images of it that a training uses. Of the test split nothing is read.

    Attributes:
        splits: the data set, as stored.
        train: indices into ``splits.x_train``.
        validation: indices into `validation_images`; empty where there is no validation.
    """

    splits: Splits
    train: Indices
    validation: Indices

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.splits.class_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(height, width, channels) or (features,)."""
        return tuple(self.splits.x_train.shape[1:])

    @property
    def validation_arrays(self) -> tuple[Array, Labels]:
        """Images and labels that `validation` counts in: the data set's own, or the training split's."""
        if self.splits.x_val is not None and self.splits.y_val is not None:
            return self.splits.x_val, self.splits.y_val
        return self.splits.x_train, self.splits.y_train

    @cached_property
    def rescaling(self) -> dict[str, dict[str, Any]] | None:
        """What is done to pixels before the model, as a layer of Keras: Rescaling, Normalization, or nothing."""
        rescale = self.splits.rescale
        if rescale is None:
            return None
        if rescale != "standardize":
            return {"Rescaling": {"scale": float(rescale), "name": "raw_pixels"}}
        mean, variance = _moments(self.splits.x_train, self.train)
        return {"Normalization": {"axis": -1, "mean": mean, "variance": variance, "name": "raw_pixels"}}

    @cached_property
    def value_range(self) -> tuple[float, float]:
        """Smallest and largest value of a pixel as stored."""
        if self.splits.value_range is not None:
            return self.splits.value_range
        if self.splits.x_train.dtype == np.uint8:
            return 0.0, 255.0
        return float(self.splits.x_train.min()), float(self.splits.x_train.max())


def training_data(
    dataset: Mapping[str, Plain],
    split_seed: int,
    data_dir: str | None = None,
    cache_dir: str | None = None,
    *,
    custom: bool = True,
) -> TrainingData:
    """The data of `dataset` (as in `Configuration.dataset`); its arrays are loaded once in a process.

    Raises:
        DataError: data that are missing or unusable.
    """
    source = {key: value for key, value in dataset.items() if key not in _SPLIT_KEYS}
    key = json.dumps([source, data_dir, cache_dir], sort_keys=True)
    if key not in _loaded:
        _loaded[key] = cached(source, data_dir, cache_dir, custom=custom)
        while len(_loaded) > _KEPT_DATASETS:
            _loaded.popitem(last=False)
    _loaded.move_to_end(key)
    splits = _loaded[key]
    own = splits.x_val is not None
    train, validation = split_indices(dataset, splits.y_train, split_seed, own_validation=own)
    if own and dataset.get("validation", True) is not None:
        assert splits.x_val is not None
        validation = np.arange(len(splits.x_val))
    return TrainingData(splits, train, validation)


def _moments(images: Array, indices: Indices, chunk: int = 4096) -> tuple[list[float], list[float]]:
    """Mean and variance of each channel over ``images[indices]``, in float64 and in pieces."""
    axes = tuple(range(images.ndim - 1))
    total = np.zeros(images.shape[-1])
    squares = np.zeros(images.shape[-1])
    for start in range(0, len(indices), chunk):
        piece = images[indices[start : start + chunk]].astype(np.float64)
        total += piece.sum(axis=axes)
        squares += np.square(piece).sum(axis=axes)
    count = len(indices) * int(np.prod(images.shape[1:-1]))
    mean = total / count
    # a channel that never changes has nothing to be divided by
    variance = np.maximum(squares / count - np.square(mean), 0.0)
    return mean.tolist(), np.where(variance > 0, variance, 1.0).tolist()
