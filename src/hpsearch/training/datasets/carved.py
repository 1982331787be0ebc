"""A test split for data that come without one: a fixed share of the images, whatever the study's seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hpsearch.errors import DataError
from hpsearch.space.values import Plain
from hpsearch.study import derive_seed
from hpsearch.training.datasets.splits import Array, Indices, Labels, images_of, stratified_draw


def carve(x: Array, y: Labels, share: Plain) -> tuple[Array, Labels, Callable[[], tuple[Array, Labels]]]:
    """Images and labels to train on, and what gives those to test on. Raises DataError where a split is left empty."""
    train, test = train_and_test(y, share)
    return x[train], y[train], lambda: (x[test], y[test])


def train_and_test(labels: Labels, share: Plain) -> tuple[Indices, Indices]:
    """Indices to train on and to test on, stratified and sorted; a function of `labels` and `share` alone."""
    count = images_of(share, len(labels), "test")
    return stratified_draw(labels, np.arange(len(labels)), count, derive_seed(0, "test"), "test")


def refuse_share(dataset: Mapping[str, Plain], source: str) -> None:
    """Raises DataError where `test: share` is set although the data have a test split of their own."""
    if dataset.get("test") is not None:
        raise DataError(f"{source} has a test split of its own: leave dataset.test out.")
