"""Data sets in one ``.npz`` file, whose arrays are read one by one when they are needed."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.errors import DataError
from hpsearch.space.catalogue import DataFacts
from hpsearch.space.values import Plain
from hpsearch.training.datasets import arrays
from hpsearch.training.datasets.members import Members, splits_of
from hpsearch.training.datasets.splits import Array, Splits, images_of, refuse_lonely_classes


def load(dataset: Mapping[str, Plain], data_dir: str | None = None) -> Splits:
    """The arrays of the file `path`: x_train, y_train, [x_val, y_val], [x_test, [y_test]], [class_names or classes].

    Raises:
        DataError: no such file, missing arrays, wrong shapes.
    """
    return read(find(dataset.get("path"), data_dir), dataset)


def read(path: Path, dataset: Mapping[str, Plain], class_names: tuple[str, ...] | None = None) -> Splits:
    """Splits of the file at `path`; `class_names` are used where the file has none. Raises DataError."""
    return splits_of(lambda: members(path), dataset, class_names)


def facts(dataset: Mapping[str, Plain], data_dir: str | None = None) -> DataFacts:
    """Shape from the header of x_train, classes from y_train. Raises DataError."""
    path = find(dataset.get("path"), data_dir)
    with members(path) as member:
        shape = header_of(path, member)
        like = np.broadcast_to(np.uint8(0), shape)
        images = arrays.images(like, "x_train", str(path))
        refuse_other_test_images(path, member, images)
        y_train = arrays.labels(member("y_train"), "y_train", str(path), like)
        names = arrays.names_of(member("class_names", "classes", optional=True), y_train, str(path))
        share = None if member.has("x_test") else dataset.get("test")
        own_validation = member.has("x_val")
    if not own_validation and dataset.get("validation", 0.1) is not None:
        refuse_lonely_classes(y_train, "validation")
    size = shape[0] - (0 if share is None else images_of(share, shape[0], "test"))
    return DataFacts(len(names), images.shape[1:], size, own_validation=own_validation)


def identity(dataset: Mapping[str, Plain], data_dir: str | None = None) -> Plain:
    """The file as it lies there, and the share for testing. Raises DataError where there is none."""
    return {**file_identity(find(dataset.get("path"), data_dir)), "test": dataset.get("test")}


def file_identity(path: Path) -> dict[str, Plain]:
    """Place, size and time of change of a file."""
    stat = path.stat()
    return {"path": str(path.resolve()), "bytes": stat.st_size, "changed_ns": stat.st_mtime_ns}


def find(path: Plain, data_dir: str | None) -> Path:
    """The file `path`, or ``data_dir/path``. Raises DataError, with the exact places looked at, where neither is."""
    if not isinstance(path, str) or not path:
        raise DataError("An npz data set needs dataset.path: the file that holds its arrays.")
    places = [Path(path)]
    if data_dir is not None and not Path(path).is_absolute():
        places.append(Path(data_dir) / path)
    for place in places:
        if place.is_file():
            return place
    looked = " nor ".join(str(place.absolute()) for place in places)
    raise DataError(f"No data file at {looked}: check dataset.path, or set HPSEARCH_DATA_DIR to the folder it lies in.")


@contextmanager
def members(path: Path) -> Iterator[Members]:
    """The arrays of an npz file while it is open. Raises DataError where it is not one."""
    with ExitStack() as stack:  # np.load leaves a file open that it opened and could not read
        archive = _archive(path, stack)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise DataError(f"{path} holds a single array, not an .npz file of several.")
        with archive:
            yield Members(archive, str(path))


def _archive(path: Path, stack: ExitStack) -> Any:
    try:
        return np.load(stack.enter_context(path.open("rb")), allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        reason = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        raise DataError(f"{path} is not a readable .npz file{reason}.") from error


def refuse_other_test_images(path: Path, member: Members, like: Array) -> None:
    """Raise DataError where x_test has images of another shape than `like`; of the test split nothing is read."""
    if member.has("x_test"):
        arrays.images(np.broadcast_to(np.uint8(0), header_of(path, member, "x_test")), "x_test", str(path), like)


def header_of(path: Path, member: Members, name: str = "x_train") -> tuple[int, ...]:
    """The shape of an array, from its header alone. Raises DataError where it is not there."""
    key = member.key(name)
    if key is None:
        return tuple(member(name).shape)  # raises, naming what there is
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as stream:
            major, _ = np.lib.format.read_magic(stream)
            read_header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
            return tuple(read_header(stream)[0])
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: the array {key} cannot be read ({error}).") from error
