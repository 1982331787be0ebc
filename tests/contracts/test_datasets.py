"""What every data set promises: shapes, kinds of numbers, disjoint splits, a test split that is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hpsearch.study import derive_seed
from hpsearch.training.datasets import DATASETS, cached, facts, load, split_indices
from hpsearch.training.datasets.named import NAMED

CLASSES, SIDE = 4, 6


def arrays(count: int = 60, part: str = "train", side: int = SIDE, channels: int = 3, classes: int = CLASSES) -> dict:
    random = np.random.default_rng(derive_seed(1, part))
    shape = (count, side, side, channels)
    y = np.arange(count) % classes
    return {f"x_{part}": random.integers(0, 256, shape, np.uint8), f"y_{part}": y.astype(np.uint8)}


@pytest.fixture
def data_dir(tmp_path):
    """A folder with a small file for every named set, in its own image size and number of classes."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, known in NAMED.items():
        side, _, channels = known.input_shape
        options = {"side": side, "channels": channels, "classes": len(known.class_names)}
        np.savez(folder / f"{name}.npz", **arrays(300, **options), **arrays(200, "test", **options))
    return str(folder)


@pytest.fixture
def settings(tmp_path):
    """For each registered data set the section of a space file that names it."""
    np.savez(tmp_path / "own.npz", **arrays(), **arrays(20, "test"))
    for part, count in (("train", 10), ("test", 3)):
        for label in "abcd":
            (tmp_path / "folder" / part / label).mkdir(parents=True)
            for index in range(count):
                pixels = arrays(1, f"{part}{label}{index}")[f"x_{part}{label}{index}"][0]
                Image.fromarray(pixels).save(tmp_path / "folder" / part / label / f"{index}.png")
    own = {
        "npz": {"path": str(tmp_path / "own.npz")},
        "images": {"path": str(tmp_path / "folder"), "size": [SIDE, SIDE]},
    }
    return {name: {"name": name, **own.get(name, {})} for name in DATASETS}


@pytest.mark.parametrize("name", DATASETS)
def test_the_arrays_have_the_promised_form(name, settings, data_dir):
    splits = load(settings[name], data_dir)
    known = facts(settings[name], data_dir)

    assert splits.x_train.ndim == 4
    assert splits.x_train.dtype in (np.uint8, np.float32)
    assert splits.y_train.dtype == np.int32
    assert len(splits.x_train) == len(splits.y_train)
    assert sorted(set(splits.y_train.tolist())) == list(range(len(splits.class_names)))
    assert splits.x_train.shape[1:] == known.input_shape
    assert len(splits.class_names) == known.classes


@pytest.mark.parametrize("name", DATASETS)
def test_the_test_split_has_the_form_of_the_training_split(name, settings, data_dir):
    splits = load(settings[name], data_dir)

    x_test, y_test = splits.test()

    assert x_test.shape[1:] == splits.x_train.shape[1:]
    assert x_test.dtype == splits.x_train.dtype
    assert len(x_test) == len(y_test) > 0
    assert set(y_test.tolist()) <= set(splits.y_train.tolist())


@pytest.mark.parametrize("name", DATASETS)
def test_training_and_validation_are_disjoint_and_both_have_every_class(name, settings, data_dir):
    splits = load(settings[name], data_dir)

    train, validation = split_indices({**settings[name], "validation": 0.4}, splits.y_train, split_seed=7)

    assert not set(train) & set(validation)
    assert len(train) + len(validation) == len(splits.y_train)
    assert set(splits.y_train[train]) == set(splits.y_train[validation]) == set(splits.y_train)


@pytest.mark.parametrize("name", DATASETS)
def test_the_cache_gives_the_same_arrays_mapped_from_disk(name, settings, data_dir, tmp_path):
    loaded = load(settings[name], data_dir)
    first = cached(settings[name], data_dir, str(tmp_path / "cache"))
    second = cached(settings[name], data_dir, str(tmp_path / "cache"))

    for splits in (first, second):
        assert isinstance(splits.x_train, np.memmap)
        assert np.array_equal(splits.x_train, loaded.x_train)
        assert np.array_equal(splits.y_train, loaded.y_train)
        assert (splits.class_names, splits.rescale) == (loaded.class_names, loaded.rescale)
        for kept, read in zip(splits.test(), loaded.test(), strict=True):
            assert np.array_equal(kept, read)


@pytest.mark.parametrize("name", DATASETS)
def test_the_test_split_is_not_kept_before_it_is_asked_for(name, settings, data_dir, tmp_path):
    splits = cached(settings[name], data_dir, str(tmp_path / "cache"))

    before = [entry.name for entry in (tmp_path / "cache").iterdir()]
    splits.test()
    after = [entry.name for entry in (tmp_path / "cache").iterdir()]

    assert len(before) == 1
    assert sorted(after) == sorted([before[0], f"{before[0]}-test"])
