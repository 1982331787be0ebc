"""Splits from a mapping of arrays by name, each read only when it is needed."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from hpsearch.errors import DataError
from hpsearch.space.values import Plain
from hpsearch.training.datasets import arrays
from hpsearch.training.datasets.carved import carve, refuse_share
from hpsearch.training.datasets.splits import Array, Labels, Splits


class Members:
    """Arrays by name, where ``X_train`` counts as ``x_train``; nothing is read but what is asked for."""

    def __init__(self, mapping: Mapping[str, Any], source: str) -> None:
        self._mapping = mapping
        self.source = source

    def has(self, name: str) -> bool:
        """Whether there is an array `name`."""
        return self.key(name) is not None

    def __call__(self, *names: str, optional: bool = False) -> Any:
        """The first there is among `names`. Raises DataError where there is none and it is not `optional`."""
        for name in names:
            key = self.key(name)
            if key is not None:
                return self._read(key)
        if optional:
            return None
        there = ", ".join(self._mapping) or "none"
        raise DataError(f"{self.source} has no array {names[0]}; the arrays there are {there}.")

    def key(self, name: str) -> str | None:
        """`name` as it is written there; None where it is not."""
        return next((key for key in (name, name[0].upper() + name[1:]) if key in self._mapping), None)

    def _read(self, key: str) -> Any:
        try:
            return self._mapping[key]
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"{self.source}: the array {key} cannot be read ({error}).") from error


def splits_of(
    opened: Callable[[], AbstractContextManager[Members]],
    dataset: Mapping[str, Plain],
    class_names: tuple[str, ...] | None = None,
) -> Splits:
    """Splits of x_train, y_train, [x_val, y_val], [x_test, [y_test]], [class_names or classes].

    Args:
        opened: opens the arrays; once now, and once more when the test split is asked for.
        dataset: `rescale`, and `test`: the share to split off where there is no x_test.
        class_names: used where the arrays bring none.

    Raises:
        DataError: missing arrays, wrong shapes.
    """
    with opened() as member:
        source = member.source
        x_train = arrays.images(member("x_train"), "x_train", source)
        y_train = arrays.labels(member("y_train"), "y_train", source, x_train)
        found = member("class_names", "classes", optional=True)
        names = arrays.names_of(class_names if found is None else found, y_train, source)
        x_val, y_val = None, None
        if member.has("x_val"):
            x_val = arrays.images(member("x_val"), "x_val", source, like=x_train)
            y_val = arrays.labels(member("y_val"), "y_val", source, x_val, len(names))
        has_test = member.has("x_test")
    test = None
    if has_test:
        refuse_share(dataset, source)
        test = _later(opened, x_train[:0], len(names))
    elif dataset.get("test") is not None:
        x_train, y_train, test = carve(x_train, y_train, dataset["test"])
    rescale = arrays.rescaling(dataset.get("rescale", ...), x_train)
    return Splits(x_train, y_train, names, rescale, x_val, y_val, test)


def _later(
    opened: Callable[[], AbstractContextManager[Members]], like: Array, classes: int
) -> Callable[[], tuple[Array, Labels | None]]:
    def test() -> tuple[Array, Labels | None]:
        with opened() as member:
            x_test = arrays.images(member("x_test"), "x_test", member.source, like=like)
            y_test = member("y_test", optional=True)
            if y_test is None:
                return x_test, None
            return x_test, arrays.labels(y_test, "y_test", member.source, x_test, classes)

    return test
