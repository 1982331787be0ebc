"""Settings of a data set that make no sense whatever the data are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hpsearch.errors import DataError
from hpsearch.space.values import Plain
from hpsearch.training.datasets.arrays import rescaling
from hpsearch.training.datasets.images import shape_of
from hpsearch.training.datasets.named import labels_of
from hpsearch.training.datasets.splits import images_of

_ENDLESS = 10**12  # more images than any data set has


def problem(dataset: Mapping[str, Plain]) -> str | None:
    """One sentence about the first setting of `dataset` that makes no sense, without reading any data; else None."""
    try:
        for key in ("validation", "test", "train_subset"):
            share = dataset.get(key)
            if share is None:
                continue
            if share == 1 and not isinstance(share, bool) and key != "train_subset":
                raise DataError(f"{key}: {share!r} leaves no image to train on; write a share below 1, or a count.")
            images_of(share, _ENDLESS, key)
        rescaling(dataset.get("rescale", ...), np.zeros((1, 1), np.uint8))
        if "labels" in dataset:
            labels_of(dataset)
        if dataset.get("name") == "images":
            shape_of(dataset)
    except DataError as error:
        return str(error)
    return None
