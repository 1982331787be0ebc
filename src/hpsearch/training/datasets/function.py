"""Data sets of one's own: ``module:function``."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from hpsearch.errors import DataError
from hpsearch.space.catalogue import DataFacts
from hpsearch.space.values import Plain
from hpsearch.training.datasets.arrays import rescaling
from hpsearch.training.datasets.members import Members, splits_of
from hpsearch.training.datasets.splits import Splits


def load(dataset: Mapping[str, Plain], data_dir: str | None = None) -> Splits:
    """What the function, called without arguments, returns, as Splits.

    It may return Splits, a mapping of arrays by the names of an npz file, ``((x_train, y_train), (x_test, y_test))``
    as Keras's data sets do, or ``(x_train, y_train)``. Without a test split `test: share` is required.

    Raises:
        DataError: the function cannot be imported, raises, or returns something else.
    """
    name = str(dataset["name"])
    returned = _call(name)
    if isinstance(returned, Splits):
        splits = (
            replace(returned, rescale=rescaling(dataset["rescale"], returned.x_train))
            if "rescale" in dataset
            else returned
        )
    else:
        mapping = _mapping(returned, name)

        @contextmanager
        def opened() -> Iterator[Members]:
            yield Members(mapping, name)

        splits = splits_of(opened, dataset)
    if splits.test is None:
        raise DataError(f"{name} returns no test split: give dataset.test, the share of its images to test on.")
    return splits


def facts(dataset: Mapping[str, Plain], data_dir: str | None = None) -> DataFacts:
    """Classes and shape of what the function returns. Raises DataError."""
    splits = load(dataset, data_dir)
    size, own_validation = len(splits.x_train), splits.x_val is not None
    return DataFacts(len(splits.class_names), splits.x_train.shape[1:], size, own_validation=own_validation)


def identity(dataset: Mapping[str, Plain], data_dir: str | None = None) -> Plain:
    """None: nobody knows what a function depends on."""
    return None


def _call(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise DataError(f"The data set {name} cannot be imported: {error}.") from error
    try:
        return function()
    except Exception as error:  # the function is the person's own: whatever it raises is about their data
        raise DataError(f"The data set {name} raised {type(error).__name__}: {error}") from error


def _mapping(returned: Any, name: str) -> Mapping[str, Any]:
    if isinstance(returned, Mapping):
        return returned
    match returned:
        case ((x_train, y_train), (x_test, y_test)) if isinstance(returned[0], tuple | list):
            return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
        case (x_train, y_train):
            return {"x_train": x_train, "y_train": y_train}
    raise DataError(
        f"{name} returned {type(returned).__name__}, not (x_train, y_train), ((x_train, y_train), (x_test, y_test)) "
        "or a mapping of such names."
    )
