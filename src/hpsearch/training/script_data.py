"""Loading and splitting of data as lines of a script."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hpsearch.errors import ConfigError
from hpsearch.space.catalogue import DataFacts
from hpsearch.space.values import Plain
from hpsearch.study import derive_seed
from hpsearch.training.datasets import arrays, digits, npz
from hpsearch.training.datasets.cifar100 import COARSE_OF_FINE
from hpsearch.training.datasets.drawing import draw
from hpsearch.training.datasets.named import NAMED, file_of, labels_of
from hpsearch.training.datasets.splits import images_of


@dataclass(slots=True)
class ScriptData:
    """How a script comes by its data.

    Attributes:
        lines: define x_train, y_train, x_validation, y_validation, x_test, y_test: images as stored, NumPy.
        imports: what `lines` need beside Keras and NumPy.
        rescale: factor on the pixels, ``standardize``, or None.
        value_range: of the pixels as stored.
        has_validation: whether there is x_validation.
        has_test: whether there are x_test and y_test.
    """

    lines: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    rescale: float | str | None = None
    value_range: tuple[float, float] = (0.0, 255.0)
    has_validation: bool = False
    has_test: bool = True


def script_data(dataset: Mapping[str, Plain], facts: DataFacts, split_seed: int, data_dir: str | None) -> ScriptData:
    """How a script loads `dataset` and divides it, exactly as the study does.

    Args:
        dataset: of a configuration.
        facts: of that data set.
        split_seed: the study's seed.
        data_dir: where ``NAME.npz`` data sets lie.

    Raises:
        ConfigError: the data lie in a folder or come from a function, which a short script cannot load alike.
        DataError: an npz file that is not there or cannot be read.
    """
    data = ScriptData(rescale=1 / 255)
    name = str(dataset["name"])
    if name == "digits":
        _digits(data, dataset)
    elif name == "npz":
        _npz(data, dataset, npz.find(dataset.get("path"), data_dir))
    elif (path := file_of(name, data_dir) if name in NAMED else None) is not None:
        _npz(data, dataset, path)
    elif name in NAMED:
        data.lines = [f"(x_train, y_train), (x_test, y_test) = keras.datasets.{name}.load_data()"]
    else:
        raise ConfigError(f"The data set {name} cannot be written out in a script; an npz file of the same images can.")
    if "rescale" in dataset:
        data.rescale = arrays.rescaling(dataset["rescale"], np.zeros((1, 1), np.uint8))
    _bring_to_one_form(data, coarse=name == "cifar100" and labels_of(dataset) == "coarse")
    _divide(data, dataset, facts, split_seed)
    return data


def _digits(data: ScriptData, dataset: Mapping[str, Plain]) -> None:
    share = 0.2 if dataset.get("test") is None else dataset["test"]
    data.imports = ["from sklearn.datasets import load_digits"]
    data.lines = ["digits = load_digits()"]
    data.lines += ["x, y = digits.images.astype(np.uint8), digits.target"]
    data.lines += _carved(images_of(share, digits.IMAGES, "test"))
    data.rescale, data.value_range = 1 / 16, (0.0, 16.0)


def _npz(data: ScriptData, dataset: Mapping[str, Plain], path: Path) -> None:
    with npz.members(path) as member:
        keys = {name: member.key(name) for name in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test")}
        x_train = member("x_train")
    data.lines = [f"with np.load({str(path.absolute())!r}) as data:"]
    data.lines += [
        f"    {name.replace('_val', '_validation')} = data[{key!r}]" for name, key in keys.items() if key is not None
    ]
    data.has_validation = keys["x_val"] is not None
    data.has_test = keys["y_test"] is not None
    if keys["x_test"] is None and dataset.get("test") is not None:
        data.lines += ["x, y = x_train, y_train.ravel()", *_carved(images_of(dataset["test"], len(x_train), "test"))]
        data.has_test = True
    if x_train.dtype != np.uint8:
        data.rescale, data.value_range = None, (float(x_train.min()), float(x_train.max()))


def _carved(count: int) -> list[str]:
    """A fixed test split from x and y, whatever the study's seed."""
    return [
        f"is_test = draw(y, {count}, seed={derive_seed(0, 'test')})",
        "x_train, y_train, x_test, y_test = x[~is_test], y[~is_test], x[is_test], y[is_test]",
    ]


def _bring_to_one_form(data: ScriptData, *, coarse: bool) -> None:
    parts = ["train", *(["validation"] if data.has_validation else []), *(["test"] if data.has_test else [])]
    if coarse:
        data.lines.append(f"superclass = np.array({list(COARSE_OF_FINE)!r})")
    for part in parts:
        labels = f"superclass[y_{part}.ravel()]" if coarse else f"y_{part}.ravel()"
        images = f"x_{part}[..., np.newaxis] if x_{part}.ndim == 3 else x_{part}"
        data.lines.append(f"x_{part}, y_{part} = {images}, {labels}.astype(int)")


def _divide(data: ScriptData, dataset: Mapping[str, Plain], facts: DataFacts, split_seed: int) -> None:
    assert facts.train_size is not None
    size = facts.train_size
    validation = dataset.get("validation", 0.1)
    if data.has_validation:
        data.has_validation = validation is not None
    elif validation is not None:
        count = images_of(validation, size, "validation")
        data.lines += [
            f"is_validation = draw(y_train, {count}, seed={derive_seed(split_seed, 'validation')})",
            "x_validation, y_validation = x_train[is_validation], y_train[is_validation]",
            "x_train, y_train = x_train[~is_validation], y_train[~is_validation]",
        ]
        data.has_validation = True
        size -= count
    if (subset := dataset.get("train_subset")) is not None and (
        count := images_of(subset, size, "train_subset")
    ) < size:
        seed = derive_seed(split_seed, "train_subset")
        data.lines += [
            f"is_drawn = draw(y_train, {count}, seed={seed}, keep_rest=False)",
            "x_train, y_train = x_train[is_drawn], y_train[is_drawn]",
        ]


DRAW = inspect.getsource(draw)
