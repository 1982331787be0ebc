"""scikit-learn's handwritten digits: 1,797 images of 8x8 pixels from 0 to 16. They ship with scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

import numpy as np

from hpsearch.space.catalogue import DataFacts
from hpsearch.space.values import Plain
from hpsearch.training.datasets.arrays import rescaling
from hpsearch.training.datasets.carved import carve
from hpsearch.training.datasets.splits import Splits, images_of

IMAGES = 1797


def load(dataset: Mapping[str, Plain], data_dir: str | None = None) -> Splits:
    """The digits as uint8 images 8x8x1, rescaled by 1/16, with a fixed stratified 20 % (or `test`) as test split."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x, y = bunch.images.astype(np.uint8)[..., np.newaxis], bunch.target.astype(np.int32)
    x_train, y_train, test = carve(x, y, _share(dataset))
    rescale = rescaling(dataset.get("rescale", ...), x, default=1 / 16)
    return Splits(x_train, y_train, tuple("0123456789"), rescale, test=test, value_range=(0.0, 16.0))


def facts(dataset: Mapping[str, Plain], data_dir: str | None = None) -> DataFacts:
    """10 classes of 8x8x1, known without loading."""
    return DataFacts(10, (8, 8, 1), IMAGES - images_of(_share(dataset), IMAGES, "test"))


def identity(dataset: Mapping[str, Plain], data_dir: str | None = None) -> Plain:
    """scikit-learn's version and the share for testing."""
    return {"scikit-learn": version("scikit-learn"), "test": _share(dataset)}


def _share(dataset: Mapping[str, Plain]) -> Plain:
    share = dataset.get("test")
    return 0.2 if share is None else share
