"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100: from ``NAME.npz``, else by Keras's own download and cache."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.errors import DataError
from hpsearch.space.catalogue import DataFacts
from hpsearch.space.values import Plain
from hpsearch.training.datasets import arrays, cifar100
from hpsearch.training.datasets.carved import refuse_share
from hpsearch.training.datasets.npz import file_identity, header_of, members, read, refuse_other_test_images
from hpsearch.training.datasets.splits import Array, Labels, Splits


@dataclass(frozen=True, slots=True)
class NamedSet:
    """What is known of a data set without its files."""

    input_shape: tuple[int, int, int]
    train_size: int
    class_names: tuple[str, ...]


NAMED: Mapping[str, NamedSet] = {
    "mnist": NamedSet((28, 28, 1), 60_000, tuple("0123456789")),
    "fashion_mnist": NamedSet(
        (28, 28, 1),
        60_000,
        ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle_boot"),
    ),
    "cifar10": NamedSet(
        (32, 32, 3),
        50_000,
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    ),
    "cifar100": NamedSet((32, 32, 3), 50_000, cifar100.FINE),
}


def load(dataset: Mapping[str, Plain], data_dir: str | None = None) -> Splits:
    """The data set from ``data_dir/NAME.npz``, else from Keras.

    Raises:
        DataError: neither is there; the sentence has the exact path and the variable to set.
    """
    name = str(dataset["name"])
    refuse_share(dataset, name)
    path = file_of(name, data_dir)
    splits = read(path, dataset, NAMED[name].class_names) if path is not None else _from_keras(name, dataset, data_dir)
    if name == "cifar100" and labels_of(dataset) == "coarse":
        return _coarse(splits)
    return splits


def facts(dataset: Mapping[str, Plain], data_dir: str | None = None) -> DataFacts:
    """Classes, shape and size, known without loading; the size of a file that is there, from its header.

    Raises:
        DataError: labels that there are none of, or a file with other images.
    """
    name = str(dataset["name"])
    known = NAMED[name]
    coarse = name == "cifar100" and labels_of(dataset) == "coarse"
    classes = len(cifar100.COARSE) if coarse else len(known.class_names)
    path = file_of(name, data_dir)
    size, own_validation = (known.train_size, False) if path is None else _header(path, name)
    return DataFacts(classes, known.input_shape, size, own_validation)


def _header(path: Path, name: str) -> tuple[int, bool]:
    """How many images x_train of a file has, and whether there is an x_val.

    Raises DataError where they are not images of the data set.
    """
    with members(path) as member:
        shape = header_of(path, member)
        images = arrays.images(np.broadcast_to(np.uint8(0), shape), "x_train", str(path))
        if images.shape[1:] != NAMED[name].input_shape:
            wanted = "x".join(map(str, NAMED[name].input_shape))
            raise DataError(f"{path}: x_train has shape {shape}, but images of {name} are {wanted}.")
        refuse_other_test_images(path, member, images)
        return len(images), member.has("x_val")


def identity(dataset: Mapping[str, Plain], data_dir: str | None = None) -> Plain:
    """The file as it lies there; Keras's copy is known by its name, for Keras checks its hash."""
    path = file_of(str(dataset["name"]), data_dir)
    return {"labels": labels_of(dataset), **({"keras": dataset["name"]} if path is None else file_identity(path))}


def file_of(name: str, data_dir: str | None) -> Path | None:
    """``data_dir/NAME.npz``, or None where it is not there."""
    path = Path(data_dir) / f"{name}.npz" if data_dir is not None else None
    return path if path is not None and path.is_file() else None


def labels_of(dataset: Mapping[str, Plain]) -> str:
    """``fine`` or ``coarse``. Raises DataError for anything else."""
    labels = dataset.get("labels", "fine")
    if labels not in ("fine", "coarse"):
        raise DataError(f"dataset.labels: {labels!r} is neither fine nor coarse.")
    return str(labels)


def _from_keras(name: str, dataset: Mapping[str, Plain], data_dir: str | None) -> Splits:
    x, y = _download(name, data_dir)[0]
    x_train = arrays.images(x, "x_train", name)
    y_train = arrays.labels(y, "y_train", name, x_train)

    def test() -> tuple[Array, Labels | None]:
        x, y = _download(name, data_dir)[1]
        x_test = arrays.images(x, "x_test", name)
        return x_test, arrays.labels(y, "y_test", name, x_test)

    rescale = arrays.rescaling(dataset.get("rescale", ...), x_train)
    return Splits(x_train, y_train, NAMED[name].class_names, rescale, test=test)


def _download(name: str, data_dir: str | None) -> Any:
    """Keras's ``((x_train, y_train), (x_test, y_test))``: from its cache, else from the network."""
    try:
        with contextlib.redirect_stdout(_ProgressOnStderr()):
            return importlib.import_module(f"keras.datasets.{name}").load_data()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        place = str((Path(data_dir) / f"{name}.npz").absolute()) if data_dir is not None else f"{name}.npz"
        where = "was not found" if data_dir is not None else "was not looked for, as HPSEARCH_DATA_DIR is not set"
        reason = str(error).partition("\n")[0].rstrip(".")
        raise DataError(
            f"The data set {name}: {place} {where}, and Keras could not provide it ({reason}); "
            f"set HPSEARCH_DATA_DIR to the folder that holds {name}.npz."
        ) from error


class _ProgressOnStderr(io.TextIOBase):
    """Takes what Keras prints while it downloads, from the first bytes on: an answer on stdout is nothing of it."""

    def write(self, text: str) -> int:
        if not text.startswith("Downloading data from"):  # it says so before it knows whether it can
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _coarse(splits: Splits) -> Splits:
    if len(splits.class_names) != len(cifar100.FINE):
        raise DataError(f"labels: coarse needs the 100 fine labels of cifar100, not {len(splits.class_names)} classes.")
    table = np.array(cifar100.COARSE_OF_FINE, dtype=np.int32)

    def test() -> tuple[Array, Labels | None]:
        assert splits.test is not None
        x_test, y_test = splits.test()
        return x_test, None if y_test is None else table[y_test]

    return replace(
        splits,
        y_train=table[splits.y_train],
        y_val=None if splits.y_val is None else table[splits.y_val],
        class_names=cifar100.COARSE,
        test=None if splits.test is None else test,
    )
