"""Data sets: arrays of images or features with labels, and how they are split."""

from __future__ import annotations

from collections.abc import Mapping

from hpsearch.space.catalogue import DataFacts
from hpsearch.space.values import Plain
from hpsearch.training.datasets.cache import cached
from hpsearch.training.datasets.registry import DATASETS, source_of
from hpsearch.training.datasets.splits import Splits, split_indices

__all__ = ["DATASETS", "Splits", "cached", "facts", "load", "split_indices"]


def load(dataset: Mapping[str, Plain], data_dir: str | None = None, *, custom: bool = True) -> Splits:
    """The arrays of a data set, checked; of the test split nothing is read.

    Args:
        dataset: `name` and the data set's own settings, resolved.
        data_dir: where ``NAME.npz`` files lie; None means Keras's own download and cache alone.
        custom: whether ``module:function`` may be imported.

    Raises:
        DataError: data that are missing, unreadable, of the wrong shape, or without a class's images.
    """
    return source_of(dataset, custom=custom).load(dataset, data_dir)


def facts(dataset: Mapping[str, Plain], data_dir: str | None = None, *, custom: bool = True) -> DataFacts:
    """Classes, shape and number of training images of a data set.

    Those of the named sets are known; of an npz file a header and the labels are read, of a folder the listing.

    Raises:
        DataError: the file or folder is not there or not as it should be.
    """
    return source_of(dataset, custom=custom).facts(dataset, data_dir)
