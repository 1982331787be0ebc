"""Where data come from, what is refused, and how they are divided."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.errors import DataError
from hpsearch.training.datasets import cached, cifar100, facts, load, split_indices
from hpsearch.training.datasets.checking import problem
from hpsearch.training.datasets.drawing import draw
from hpsearch.training.training_data import training_data

LABELS = np.repeat(np.arange(5, dtype=np.int32), 40)


def images(count: int = 40, **shape) -> np.ndarray:
    return np.arange(count * 8 * 8, dtype=np.uint64).reshape(count, 8, 8).astype(np.uint8)


@pytest.fixture
def npz(tmp_path):
    """Writes an npz file and returns its section of a space file."""

    def write(name="own.npz", **arrays):
        given = {"x_train": images(), "y_train": np.arange(40) % 4}
        np.savez(tmp_path / name, **{key: value for key, value in {**given, **arrays}.items() if value is not None})
        return {"name": "npz", "path": str(tmp_path / name)}

    return write


# -- forms --------------------------------------------------------------------------------------------------------


def test_images_without_a_channel_get_one_and_columns_of_labels_are_flattened(npz):
    splits = load(npz(y_train=(np.arange(40) % 4)[:, None]))

    assert splits.x_train.shape == (40, 8, 8, 1)
    assert splits.y_train.shape == (40,)


def test_arrays_may_be_written_with_a_capital(npz):
    splits = load(npz(x_train=None, X_train=images(), X_test=images(4)))

    x_test, y_test = splits.test()
    assert splits.x_train.shape == (40, 8, 8, 1)
    assert x_test.shape == (4, 8, 8, 1)
    assert y_test is None


def test_a_file_of_a_named_set_may_bring_validation_arrays_too(tmp_path):
    x = np.zeros((20, 28, 28), np.uint8)
    y = np.arange(20) % 10
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_val=x[:5], y_val=y[:5], x_test=x[:5], y_test=y[:5])

    assert facts({"name": "mnist"}, str(tmp_path)).own_validation
    assert not facts({"name": "mnist"}).own_validation


def test_validation_arrays_of_its_own_come_along(npz):
    assert not facts(npz()).own_validation
    section = npz(x_val=images(8), y_val=np.arange(8) % 4)
    assert facts(section).own_validation
    splits = load(section)

    train, validation = split_indices({}, splits.y_train, 1, own_validation=True)
    assert splits.x_val.shape == (8, 8, 8, 1)
    assert (len(train), len(validation)) == (40, 0)


def test_names_of_classes_come_from_the_file(npz):
    assert load(npz(classes=np.array(list("abcd")))).class_names == ("a", "b", "c", "d")
    assert load(npz(class_names=np.array([b"a", b"b", b"c", b"d"]))).class_names == ("a", "b", "c", "d")
    assert load(npz()).class_names == ("0", "1", "2", "3")


@pytest.mark.parametrize(
    ("wish", "rescale"),
    [
        ({}, 1 / 255),
        ({"rescale": None}, None),
        ({"rescale": "none"}, None),
        ({"rescale": 0.5}, 0.5),
        ({"rescale": "standardize"}, "standardize"),
    ],
)
def test_bytes_are_rescaled_by_default(npz, tmp_path, wish, rescale):
    section = {**npz(), **wish}

    assert load(section).rescale == rescale
    assert cached(section, None, str(tmp_path / "cache")).rescale == rescale


def test_floats_are_not_rescaled_and_digits_by_a_sixteenth(npz):
    assert load(npz(x_train=images().astype(np.float64))).rescale is None
    assert load(npz(x_train=images().astype(np.float64))).x_train.dtype == np.float32
    assert load({"name": "digits"}).rescale == 1 / 16


def test_the_range_of_pixels_is_that_of_the_pixels_as_stored_whatever_they_are_rescaled_by(npz, tmp_path):
    def value_range(section):
        return training_data({**section, "validation": 0.1}, 1, cache_dir=str(tmp_path / "cache")).value_range

    assert value_range({**npz(), "rescale": 1 / 127.5}) == (0.0, 255.0)
    assert value_range({"name": "digits", "rescale": None}) == (0.0, 16.0)
    assert value_range(npz("floats.npz", x_train=images() / 256 - 0.5)) == (-0.5, 0.49609375)


def test_the_facts_of_an_npz_file_need_no_images(npz):
    section = npz(test=None)

    known = facts({**section, "test": 0.25})

    assert (known.classes, known.input_shape, known.train_size) == (4, (8, 8, 1), 30)
    assert len(load({**section, "test": 0.25}).x_train) == 30


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "cifar100"])
def test_the_facts_of_the_named_sets_need_no_files(name, tmp_path):
    assert facts({"name": name}, str(tmp_path)).train_size in (50_000, 60_000)


def test_data_sets_load_without_tensorflow_or_scikit_learn_where_they_are_not_needed(npz):
    program = (
        "import sys\nfrom hpsearch.training.datasets import load, split_indices\n"
        f"splits = load({npz()!r})\nsplit_indices({{}}, splits.y_train, 1)\n"
        "print({'tensorflow', 'keras', 'sklearn', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


# -- CIFAR-100 ----------------------------------------------------------------------------------------------------


def test_every_superclass_of_cifar100_has_five_classes():
    assert len(cifar100.FINE) == 100
    assert np.bincount(cifar100.COARSE_OF_FINE).tolist() == [5] * 20


@pytest.mark.parametrize(
    ("fine", "label", "coarse"),
    [
        ("apple", 0, "fruit_and_vegetables"),
        ("aquarium_fish", 1, "fish"),
        ("baby", 2, "people"),
        ("clock", 22, "household_electrical_devices"),
        ("lawn_mower", 41, "vehicles_2"),
        ("sea", 71, "large_natural_outdoor_scenes"),
        ("worm", 99, "non-insect_invertebrates"),
    ],
)
def test_the_superclasses_are_the_data_sets_own(fine, label, coarse):
    assert cifar100.FINE[label] == fine
    assert cifar100.COARSE[cifar100.COARSE_OF_FINE[label]] == coarse


def test_coarse_labels_follow_from_the_fine_ones(tmp_path):
    fine = np.arange(200) % 100
    pixels = np.zeros((200, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "cifar100.npz", x_train=pixels, y_train=fine, x_test=pixels[:3], y_test=np.array([0, 41, 99]))

    splits = load({"name": "cifar100", "labels": "coarse"}, str(tmp_path))

    assert splits.class_names == cifar100.COARSE
    assert splits.y_train[:3].tolist() == [4, 1, 14]
    assert splits.test()[1].tolist() == [4, 19, 13]


# -- the test split -----------------------------------------------------------------------------------------------


def test_a_test_split_that_cannot_be_read_hurts_nobody_before_it_is_asked_for(npz, tmp_path):
    section = npz(x_test=np.array([{"an": "object"}], dtype=object), y_test=np.zeros(1, int))

    for splits in (load(section), cached(section, None, str(tmp_path / "cache"))):
        assert len(splits.x_train) == 40
        with pytest.raises(DataError, match="x_test cannot be read"):
            splits.test()


def test_the_test_split_of_digits_is_a_stratified_fifth_that_no_seed_moves():
    first, second = load({"name": "digits"}), load({"name": "digits", "rescale": None})

    x_test, y_test = first.test()
    assert (len(first.x_train), len(x_test)) == (1437, 360)
    assert np.array_equal(x_test, second.test()[0])
    assert np.bincount(y_test).min() >= 34


def test_a_share_makes_a_test_split_where_there_is_none(npz):
    splits = load({**npz(), "test": 0.25})

    assert (len(splits.x_train), len(splits.test()[0])) == (30, 10)
    assert load(npz()).test is None


def test_a_function_may_return_arrays_that_are_read_when_they_are_needed(monkeypatch, tmp_path):
    (tmp_path / "own_data.py").write_text(
        "import numpy as np\n"
        "class Secret:\n"
        "    def __array__(self, *args, **kwargs):\n"
        "        raise RuntimeError('the test split was read')\n"
        "def pairs():\n"
        "    return (np.zeros((8, 3)), np.arange(8) % 2), (Secret(), Secret())\n"
        "def alone():\n"
        "    return np.zeros((8, 3)), np.arange(8) % 2\n"
        "def broken():\n"
        "    raise KeyError('nothing here')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    splits = load({"name": "own_data:pairs"})

    assert splits.x_train.shape == (8, 3)
    with pytest.raises(RuntimeError, match="the test split was read"):
        splits.test()
    with pytest.raises(DataError, match=r"returns no test split: give dataset.test"):
        load({"name": "own_data:alone"})
    assert len(load({"name": "own_data:alone", "test": 0.25}).x_train) == 6
    with pytest.raises(DataError, match="raised KeyError"):
        load({"name": "own_data:broken"})
    with pytest.raises(DataError, match="given on the command line"):
        load({"name": "own_data:pairs"}, custom=False)


# -- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y_train": None}, "has no array y_train; the arrays there are x_train"),
        ({"x_train": images(39)}, "y_train has 40 labels for 39 images"),
        ({"y_train": np.arange(40) % 4 + 1}, r"class 0 \(label 0\) has no image"),
        ({"y_train": np.arange(40) % 4 - 1}, "labels from -1 to 2"),
        ({"y_train": (np.arange(40) % 4) * 500_000_000}, r"class 1 \(label 1\) has no image"),
        ({"y_train": (np.arange(40) % 4) + 2**32}, "labels from 4294967296 to"),
        ({"y_train": np.arange(40) / 4}, "holds float64; labels are whole numbers"),
        ({"y_train": np.eye(40)}, r"y_train has shape \(40, 40\)"),
        ({"y_train": np.zeros(40, int)}, "one class only"),
        ({"x_train": np.zeros(40)}, r"x_train has shape \(40,\)"),
        ({"x_train": np.zeros((0, 8, 8))}, "has shape"),
        ({"x_train": np.full((40, 2), np.nan)}, "NaN or infinite"),
        ({"x_train": np.full((40, 2), "a")}, "not numbers"),
        ({"classes": np.array(["a", "b"])}, "labels up to 3, but there are 2 class names"),
        ({"x_val": images(4)}, "has no array y_val"),
        ({"x_val": np.zeros((4, 5, 5), np.uint8), "y_val": np.zeros(4, int)}, "images of 5x5x1, but x_train of 8x8x1"),
    ],
)
def test_wrong_arrays_are_refused_in_one_sentence(npz, arrays, message):
    with pytest.raises(DataError, match=message) as caught:
        load(npz(**arrays))

    assert "\n" not in str(caught.value)


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "own.npz").write_text("x,y\n1,2\n")

    with pytest.raises(DataError, match=r"own.npz is not a readable .npz file"):
        load({"name": "npz", "path": str(tmp_path / "own.npz")})


def test_a_missing_file_is_named_with_every_place_that_was_looked_at(tmp_path):
    with pytest.raises(DataError, match="HPSEARCH_DATA_DIR") as caught:
        load({"name": "npz", "path": "own.npz"}, str(tmp_path))

    assert str(tmp_path / "own.npz") in str(caught.value)


def test_missing_data_are_told_with_the_exact_path_and_the_variable_to_set(tmp_path, monkeypatch):
    import keras

    def unreachable():
        raise Exception("URL fetch failure on https://example.org: no network")  # what keras.utils.get_file raises

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", unreachable)

    with pytest.raises(DataError, match=r"no network.*set HPSEARCH_DATA_DIR") as caught:
        load({"name": "cifar10"}, str(tmp_path))

    assert str(tmp_path / "cifar10.npz") in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "cifar10", "validation": 1}, "validation: 1 leaves no image"),
        ({"name": "cifar10", "validation": 0}, "validation: 0 is neither"),
        ({"name": "cifar10", "validation": 1.5}, "neither a share between 0 and 1 nor a whole number"),
        ({"name": "cifar10", "validation": True}, "neither"),
        ({"name": "cifar10", "rescale": "yes"}, "rescale: 'yes' is neither a factor"),
        ({"name": "cifar100", "labels": "rough"}, "neither fine nor coarse"),
        ({"name": "images", "path": "x"}, r"is not \[height, width\]"),
        ({"name": "images", "path": "x", "size": [8, 8], "channels": 2}, "channels: 2 is none of 1, 3, 4"),
    ],
)
def test_senseless_settings_are_found_without_data(settings, message):
    assert message.replace("\\", "") in problem(settings)


def test_a_folder_of_images_is_checked(tmp_path):
    section = {"name": "images", "path": str(tmp_path / "photos"), "size": [4, 4]}
    with pytest.raises(DataError, match=r"There is no folder .*photos"):
        load(section)

    (tmp_path / "photos" / "train" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="no images"):
        load(section)


def test_hidden_files_and_folders_are_no_images(tmp_path):
    from PIL import Image

    for place in ("a/0.png", "a/deeper/1.PNG", "b/0.png", "b/1.png", "a/.ipynb_checkpoints/0-checkpoint.png"):
        path = tmp_path / "train" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (5, 5)).save(path)
    (tmp_path / "train" / "b" / "._0.png").write_bytes(b"what a file manager leaves")
    (tmp_path / "train" / "b" / "Thumbs.db").write_bytes(b"and another")

    splits = load({"name": "images", "path": str(tmp_path), "size": [4, 4], "test": 2})

    assert np.bincount(splits.y_train).tolist() == [1, 1]
    assert splits.test()[0].shape == (2, 4, 4, 3)


def test_an_image_that_is_none_is_named(tmp_path):
    for name in "ab":
        (tmp_path / "train" / name).mkdir(parents=True)
        for index in range(5):
            (tmp_path / "train" / name / f"{index}.png").write_bytes(b"no image")

    with pytest.raises(DataError, match=r"0.png cannot be decoded|png cannot be decoded"):
        load({"name": "images", "path": str(tmp_path), "size": [4, 4]})


# -- splits -------------------------------------------------------------------------------------------------------


def test_a_split_is_a_function_of_the_seed_alone():
    first, again, other = (split_indices({}, LABELS, seed)[1].tolist() for seed in (7, 7, 8))

    assert first == again == sorted(first)
    assert first != other


@pytest.mark.parametrize(("wish", "count"), [(0.1, 20), (1 / 6, 34), (50, 50), (0.07, 14)])
def test_validation_is_a_share_or_a_count_in_proportion_to_the_classes(wish, count):
    train, validation = split_indices({"validation": wish}, LABELS, 1)

    sizes = np.bincount(LABELS[validation])
    assert len(validation) == count
    assert len(train) == 200 - count
    assert sizes.max() - sizes.min() <= 1


def test_every_training_subset_shares_one_validation_split():
    whole, half, few = (
        split_indices({"validation": 0.2, **subset}, LABELS, 3)
        for subset in ({}, {"train_subset": 0.5}, {"train_subset": 10})
    )

    assert whole[1].tolist() == half[1].tolist() == few[1].tolist()
    assert [len(part[0]) for part in (whole, half, few)] == [160, 80, 10]
    assert np.bincount(LABELS[few[0]]).tolist() == [2] * 5
    assert len(split_indices({"train_subset": 1.0}, LABELS, 3)[0]) == 180


def test_no_validation_leaves_every_image_for_training():
    train, validation = split_indices({"validation": None}, LABELS, 1)

    assert (len(train), len(validation)) == (200, 0)


@pytest.mark.parametrize(
    ("settings", "labels", "message"),
    [
        ({"validation": 0.1}, [0] * 20 + [1], "class 1 has only one image"),
        ({"validation": 3}, LABELS, "leave one part without"),
        ({"validation": 0.999}, LABELS, "leave one part without"),
        ({"validation": 300}, LABELS, "only 200"),
        ({"validation": 1}, LABELS, "validation: 1"),
        ({"train_subset": 4}, LABELS, "leave one part without"),
        ({"train_subset": 190}, LABELS, "only 180"),
    ],
)
def test_a_draw_that_leaves_a_class_or_a_split_empty_is_refused(settings, labels, message):
    with pytest.raises(DataError, match=message):
        split_indices(settings, np.asarray(labels, np.int32), 1)


@given(st.lists(st.integers(2, 60), min_size=2, max_size=12), st.integers(0, 2**31), st.data())
def test_a_draw_has_every_class_in_both_parts_and_follows_the_shares(sizes, seed, data):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    count = data.draw(st.integers(len(sizes), len(labels) - len(sizes)))

    drawn = draw(labels, count, seed)

    taken = np.bincount(labels[drawn], minlength=len(sizes))
    assert drawn.sum() == count
    assert (taken >= 1).all()
    assert (taken < sizes).all()


# -- cache --------------------------------------------------------------------------------------------------------


def test_a_changed_file_makes_a_new_entry(npz, tmp_path):
    cache = str(tmp_path / "cache")
    cached(npz(), None, cache)

    splits = cached(npz(x_train=images(80), y_train=np.arange(80) % 4), None, cache)

    assert len(splits.x_train) == 80
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_nothing_half_written_is_left_or_used(npz, tmp_path):
    cache = tmp_path / "cache"
    section = npz()
    splits = cached(section, None, str(cache))
    entry = next(cache.iterdir())

    assert not list(cache.glob("*.partial"))
    splits.x_train[0] = 0  # a private map: the file stays as it is
    assert np.array_equal(np.load(entry / "x_train.npy")[..., 0], images())


def test_a_cache_that_cannot_be_written_is_told(npz, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(DataError, match="cannot be written"):
        cached(npz(), None, str(tmp_path / "file"))
