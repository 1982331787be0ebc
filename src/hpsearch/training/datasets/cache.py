"""Decoded arrays, kept once as ``.npy`` files that every process maps into its memory."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.errors import DataError, StorageFull
from hpsearch.space.values import Plain
from hpsearch.training.datasets.arrays import rescaling
from hpsearch.training.datasets.registry import source_of
from hpsearch.training.datasets.splits import Array, Labels, Splits

LAYOUT = 2  # of an entry; counts into its name, so that another layout finds no entry of this one


def cached(
    dataset: Mapping[str, Plain],
    data_dir: str | None,
    cache_dir: str | None,
    *,
    custom: bool = True,
    check: Callable[[Splits], object] = lambda splits: None,
) -> Splits:
    """The arrays of a data set, memory-mapped from `cache_dir`, where the first caller puts them.

    The maps are private (`mmap_mode` c): processes share the pages that none of them writes. An entry is known by
    what the arrays are a function of (files by place, size and time of change; settings), appears whole or not at
    all, and is never changed. The test split has an entry of its own, made when it is asked for.

    Args:
        dataset: resolved settings.
        data_dir: where ``NAME.npz`` data sets lie.
        cache_dir: a folder of our own, made where it is missing; None loads without keeping.
        custom: whether ``module:function`` may be imported; what such functions return is not kept.
        check: raises for what must not be kept.

    Raises:
        DataError: as `load`, or `cache_dir` cannot be written.
        StorageFull: no room for the arrays.
    """
    source = source_of(dataset, custom=custom)
    settings = {key: value for key, value in dataset.items() if key != "rescale"}  # the arrays are not rescaled
    identity = source.identity(settings, data_dir)
    if cache_dir is None or identity is None:
        splits = source.load(dataset, data_dir)
        check(splits)
        return splits
    text = json.dumps([LAYOUT, dataset["name"], identity], sort_keys=True)
    entry = Path(cache_dir) / f"{dataset['name']}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if not entry.is_dir():
        loaded = source.load(settings, data_dir)
        check(loaded)
        _keep(entry, loaded)
        del loaded  # from here on its pages are the files'
    splits = _kept(entry)
    check(splits)
    if "rescale" in dataset:
        splits = replace(splits, rescale=rescaling(dataset["rescale"], splits.x_train))
    if not json.loads((entry / "about.json").read_text())["has_test"]:
        return splits

    def test() -> tuple[Array, Labels | None]:
        test_entry = entry.with_name(f"{entry.name}-test")
        if not test_entry.is_dir():
            read = source.load(settings, data_dir).test
            assert read is not None
            x_test, y_test = read()
            _write(test_entry, {"x_test": x_test, "y_test": y_test}, {})
        return _map(test_entry, "x_test"), _map(test_entry, "y_test")

    return replace(splits, test=test)


def _keep(entry: Path, splits: Splits) -> None:
    arrays = {name: getattr(splits, name) for name in ("x_train", "y_train", "x_val", "y_val")}
    about = {
        "class_names": splits.class_names,
        "rescale": splits.rescale,
        "has_test": splits.test is not None,
        "value_range": splits.value_range,
    }
    _write(entry, arrays, about)


def _kept(entry: Path) -> Splits:
    about = json.loads((entry / "about.json").read_text())
    return Splits(
        x_train=_map(entry, "x_train"),
        y_train=_map(entry, "y_train"),
        class_names=tuple(about["class_names"]),
        rescale=about["rescale"],
        x_val=_map(entry, "x_val"),
        y_val=_map(entry, "y_val"),
        value_range=None if about["value_range"] is None else tuple(about["value_range"]),
    )


def _map(entry: Path, name: str) -> Any:
    path = entry / f"{name}.npy"
    return np.load(path, mmap_mode="c") if path.is_file() else None


def _write(entry: Path, arrays: Mapping[str, Array | None], about: Mapping[str, Plain]) -> None:
    """Make `entry` whole under another name and move it into place; another process may have been faster."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f"{entry.name}.", suffix=".partial", dir=entry.parent))
        try:
            for name, array in arrays.items():
                if array is not None:
                    np.save(partial / f"{name}.npy", np.ascontiguousarray(array))
            (partial / "about.json").write_text(json.dumps(about))
            os.rename(partial, entry)
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)
            if not entry.is_dir():
                raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFull(f"No room left for decoded images in {entry.parent}: free some and run again.") from error
        raise DataError(
            f"The folder for decoded images, {entry.parent}, cannot be written ({error.strerror})."
        ) from error
