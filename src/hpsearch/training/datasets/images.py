"""Folders of images: ``train/CLASS/*.png`` and, where there is one, ``test/CLASS/*.png``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from hpsearch.errors import DataError
from hpsearch.space.catalogue import DataFacts
from hpsearch.space.values import Plain
from hpsearch.training.datasets.arrays import names_of, rescaling
from hpsearch.training.datasets.carved import refuse_share, train_and_test
from hpsearch.training.datasets.splits import Array, Labels, Splits, refuse_lonely_classes

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
Listing = tuple[list[Path], Labels]


def load(dataset: Mapping[str, Plain], data_dir: str | None = None) -> Splits:
    """Images of the folder `path`, resized (bilinear) to `size` and converted to `channels`, as uint8.

    Classes are the folders below ``train/``, in the order of their names. Without ``test/`` a fixed stratified 20 %
    (or `test`) is the test split; it is decoded when it is asked for, not before.

    Raises:
        DataError: no such folder, no images, or one that cannot be decoded.
    """
    shape = shape_of(dataset)
    names, train, test = _listings(dataset)
    x_train = _decode(train[0], shape)
    rescale = rescaling(dataset.get("rescale", ...), x_train)
    return Splits(x_train, train[1], names, rescale, test=lambda: (_decode(test[0], shape), test[1]))


def facts(dataset: Mapping[str, Plain], data_dir: str | None = None) -> DataFacts:
    """Classes and counts from the names of the files. Raises DataError."""
    names, train, _ = _listings(dataset)
    if dataset.get("validation", 0.1) is not None:
        refuse_lonely_classes(train[1], "validation")
    return DataFacts(len(names), shape_of(dataset), len(train[0]))


def identity(dataset: Mapping[str, Plain], data_dir: str | None = None) -> Plain:
    """Every file as it lies there, and what is made of it. Raises DataError."""
    _, train, test = _listings(dataset)
    digest = hashlib.sha256()
    for path in (*train[0], *test[0]):
        stat = path.stat()
        digest.update(f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return {"files": digest.hexdigest(), "shape": list(shape_of(dataset)), "test": dataset.get("test")}


def shape_of(dataset: Mapping[str, Plain]) -> tuple[int, int, int]:
    """(height, width, channels) of `size` and `channels`. Raises DataError where they make no sense."""
    size, channels = dataset.get("size"), dataset.get("channels", 3)
    match size:
        case [int(height), int(width)] if height > 0 and width > 0 and True not in (size[0] is True, size[1] is True):
            pass
        case _:
            raise DataError(f"dataset.size: {size!r} is not [height, width] in pixels, which images need.")
    if channels not in MODES or channels is True:
        raise DataError(f"dataset.channels: {channels!r} is none of {', '.join(map(str, MODES))}.")
    return height, width, int(channels)


def _listings(dataset: Mapping[str, Plain]) -> tuple[tuple[str, ...], Listing, Listing]:
    """Class names, and the files and labels of training and test split. Nothing is decoded."""
    path = dataset.get("path")
    if not isinstance(path, str) or not Path(path).is_dir():
        where = f"There is no folder {Path(path).absolute()}" if isinstance(path, str) else "There is no dataset.path"
        raise DataError(f"{where}; images need the folder that holds train/CLASS/ with the images of each class.")
    folder = Path(path)
    classes = _folders(folder / "train")
    files, labels = _listing(folder / "train", classes)
    names = names_of(classes, labels, str(folder / "train"))
    if (folder / "test").is_dir():
        refuse_share(dataset, str(folder))
        strange = sorted(set(_folders(folder / "test")) - set(classes))
        if strange:
            raise DataError(f"{folder / 'test'} has a class {strange[0]} that {folder / 'train'} has not.")
        return names, (files, labels), _listing(folder / "test", classes)
    share = dataset.get("test")
    train, test = train_and_test(labels, 0.2 if share is None else share)
    return names, ([files[i] for i in train], labels[train]), ([files[i] for i in test], labels[test])


def _folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder.absolute()}; images lie in train/CLASS/ and test/CLASS/.")
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _listing(folder: Path, classes: Sequence[str]) -> Listing:
    """Image files below ``folder/CLASS/`` in the order of class and path, and their labels; hidden ones are none."""
    by_class = [sorted(p for p in (folder / name).rglob("*") if _is_image(p.relative_to(folder))) for name in classes]
    files = [path for paths in by_class for path in paths]
    if not files:
        raise DataError(f"There are no images in the folders of {folder.absolute()}.")
    return files, np.repeat(np.arange(len(classes), dtype=np.int32), [len(paths) for paths in by_class])


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in path.parts)


def _decode(files: Sequence[Path], shape: tuple[int, int, int]) -> Array:
    """The images of `files` as one uint8 array (N, height, width, channels)."""
    from PIL import Image, UnidentifiedImageError

    height, width, channels = shape

    def decode(path: Path) -> Array:
        try:
            with Image.open(path) as image:
                resized = image.convert(MODES[channels]).resize((width, height), Image.Resampling.BILINEAR)
        except (OSError, ValueError, UnidentifiedImageError) as error:
            raise DataError(f"{path} cannot be decoded as an image ({error}).") from error
        return np.asarray(resized, np.uint8).reshape(shape)

    array = np.empty((len(files), *shape), np.uint8)
    with ThreadPoolExecutor() as pool:  # Pillow decodes without holding the interpreter's lock
        for index, image in enumerate(pool.map(decode, files)):
            array[index] = image
    return array
