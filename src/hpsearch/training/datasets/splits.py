"""The arrays of a data set, and the draws that divide its training split."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.errors import DataError
from hpsearch.space.values import Plain
from hpsearch.study import derive_seed
from hpsearch.training.datasets.drawing import draw

Array = NDArray[Any]
Labels = NDArray[np.int32]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Splits:
    """A data set in memory (or memory-mapped).

    Attributes:
        x_train: (N, height, width, channels) or (N, features), uint8 or float32, as stored: not rescaled.
        y_train: (N,), int32, from 0.
        class_names: in label order.
        rescale: factor on the pixels, ``standardize``, or None for neither.
        x_val: validation images that the data set brings along; None where it brings none.
        y_val: their labels.
        test: reads and checks the test split, (images, labels); labels are None where there are none. Nothing of the
            test split is read before it is called. None where there is no test split.
        value_range: smallest and largest value of a pixel as stored, where neither its type nor x_train tells.
    """

    x_train: Array
    y_train: Labels
    class_names: tuple[str, ...]
    rescale: float | str | None = None
    x_val: Array | None = None
    y_val: Labels | None = None
    test: Callable[[], tuple[Array, Labels | None]] | None = None
    value_range: tuple[float, float] | None = None


def split_indices(
    dataset: Mapping[str, Plain], labels: Labels, split_seed: int, *, own_validation: bool = False
) -> tuple[Indices, Indices]:
    """Indices of images to train on and of images to validate on, both sorted.

    Validation is split off first; `train_subset` is drawn from what remains, so that all trials of a study share one
    validation split. Both draws are stratified and depend on `split_seed` alone.

    Args:
        dataset: `validation` (0.1 where left out; None for none) and `train_subset` count: a share, or a count.
        labels: of the whole training split.
        split_seed: the study's seed.
        own_validation: the data set brings validation images of its own, so none are split off.

    Raises:
        DataError: a share or count leaves a class or a split empty.
    """
    train: Indices = np.arange(len(labels))
    validation: Indices = np.arange(0)
    share = None if own_validation else dataset.get("validation", 0.1)
    if share is not None:
        if share == 1:  # a whole number as well as a share, and nonsense as both
            raise DataError(
                "validation: 1 leaves no image to train on, or no class to validate; write a share below 1."
            )
        count = images_of(share, len(train), "validation")
        train, validation = stratified_draw(labels, train, count, derive_seed(split_seed, "validation"), "validation")
    subset = dataset.get("train_subset")
    if subset is not None:
        count = images_of(subset, len(train), "train_subset")
        if count < len(train):
            seed = derive_seed(split_seed, "train_subset")
            _, train = stratified_draw(labels, train, count, seed, "train_subset", keep_rest=False)
    return train, validation


def images_of(wish: Plain, available: int, key: str) -> int:
    """How many of `available` images a share (below 1, or written with a point) or a count means.

    A share is rounded up. Raises DataError where `wish` is no such number, or asks for none or for too many.
    """
    if isinstance(wish, bool) or not isinstance(wish, int | float) or not math.isfinite(wish) or wish <= 0:
        raise DataError(f"{key}: {wish!r} is neither a share between 0 and 1 nor a count of images.")
    if isinstance(wish, float) and wish > 1 and not wish.is_integer():
        raise DataError(f"{key}: {wish!r} is neither a share between 0 and 1 nor a whole number of images.")
    is_share = wish < 1 or (isinstance(wish, float) and wish == 1)
    # what a product of floats puts above a whole number is no further image: 0.07 * 100 = 7.000000000000001
    count = math.ceil(wish * available - 1e-9) if is_share else int(wish)
    if count > available:
        raise DataError(f"{key}: {count} images were asked for, but there are only {available}.")
    return count


def refuse_lonely_classes(labels: Labels, key: str) -> None:
    """Raise DataError where a class has one image, which cannot be in both parts of a split."""
    classes, sizes = np.unique(labels, return_counts=True)
    if sizes.min() < 2:
        lonely = int(classes[sizes.argmin()])
        raise DataError(f"{key}: class {lonely} has only one image here, so it cannot be in both parts of a split.")


def stratified_draw(
    labels: Labels, among: Indices, count: int, seed: int, key: str, *, keep_rest: bool = True
) -> tuple[Indices, Indices]:
    """`among` (sorted) without and with `count` images drawn in proportion to the classes: (rest, drawn), both sorted.

    The draw has at least one image of every class, and so has the rest if `keep_rest`.

    Raises:
        DataError: there are too few images for that.
    """
    if keep_rest:
        refuse_lonely_classes(labels[among], key)
    classes = np.unique(labels[among])
    if count < len(classes) or (keep_rest and len(among) - count < len(classes)):
        raise DataError(f"{key}: {count} of {len(among)} images leave one part without some of {len(classes)} classes.")
    is_drawn = draw(labels[among], count, seed, keep_rest)
    return among[~is_drawn], among[is_drawn]
