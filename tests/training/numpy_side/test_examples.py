"""Which test images are picked to be looked at, and how they are kept."""

from __future__ import annotations

import io

import numpy as np
import pytest

from hpsearch.training.examples import MOST, examples

NAMES = ("cat", "dog", "<b>fox</b>")


def picked(images, labels, predictions, value_range=(0.0, 255.0)):
    """The arrays of the file."""
    content = examples(images, np.asarray(labels, np.int32), np.asarray(predictions, np.float32), NAMES, value_range)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def a_test_split(count):
    """Images that differ, labels, and predictions of which every third is wrong, each surer than the one before."""
    images = np.arange(count * 12).reshape(count, 2, 2, 3).astype(np.uint8)
    labels = np.arange(count) % 3
    said = np.where(np.arange(count) % 3 == 1, 2, labels)
    sure = 0.5 + np.arange(count) / (2 * count)
    predictions = np.zeros((count, 3))
    predictions[np.arange(count), said] = sure
    return images, labels, predictions


def test_the_wrong_images_are_those_that_the_model_is_surest_of():
    found = picked(*a_test_split(300))

    is_wrong = found["true"] != found["predicted"]
    assert is_wrong.tolist() == [True] * MOST + [False] * MOST
    assert found["index"][:MOST].tolist() == [298 - 3 * place for place in range(MOST)]
    assert found["predicted"][:MOST].tolist() == [2] * MOST
    assert found["probability"][0] == np.float32(0.5 + 298 / 600)


def test_the_right_images_are_spread_over_the_whole_split():
    found = picked(*a_test_split(300))

    places = found["index"][MOST:]
    assert (places[0], places[-1]) == (0, 299)
    assert set(np.diff(places).tolist()) <= {11, 12, 13, 14, 15}
    assert set(found["true"][MOST:].tolist()) == {0, 2}


def test_pixels_are_those_of_the_split_as_stored():
    images, labels, predictions = a_test_split(9)

    found = picked(images, labels, predictions)

    assert found["images"].dtype == np.uint8
    assert np.array_equal(found["images"], images[found["index"]])
    assert found["names"].tolist() == list(NAMES)


def test_pixels_of_another_range_are_spread_over_eight_bits():
    images = np.array([-1.0, 0.0, 1.0, 3.0], np.float32).reshape(4, 1, 1, 1)

    found = picked(images, [0] * 4, [[1, 0, 0]] * 4, value_range=(-1.0, 1.0))

    assert found["images"].ravel().tolist() == [0, 128, 255, 255]


def test_images_of_one_value_are_black():
    found = picked(np.full((2, 1, 1, 1), 7.0, np.float32), [0, 0], [[1, 0, 0]] * 2, value_range=(7.0, 7.0))

    assert found["images"].ravel().tolist() == [0, 0]


@pytest.mark.parametrize(("said", "count"), [([1, 0, 0], 5), ([0, 1, 0], 5)], ids=["all-right", "all-wrong"])
def test_one_kind_alone_is_enough(said, count):
    found = picked(np.zeros((count, 2, 2, 1), np.uint8), [0] * count, [said] * count)

    assert sorted(found["index"].tolist()) == list(range(count))


@pytest.mark.parametrize("shape", [(5, 12), (5, 4, 4, 2)], ids=["features", "two-channels"])
def test_what_nobody_can_look_at_has_no_examples(shape):
    labels, predictions = np.zeros(5, np.int32), np.eye(3, dtype=np.float32)[[0] * 5]

    assert examples(np.zeros(shape, np.uint8), labels, predictions, NAMES, (0.0, 255.0)) is None


def test_the_same_images_give_the_same_bytes():
    images, labels, predictions = a_test_split(30)
    made = [
        examples(images, labels.astype(np.int32), predictions.astype(np.float32), NAMES, (0.0, 255.0)) for _ in range(2)
    ]

    assert made[0] == made[1]


def test_only_what_is_picked_is_read(tmp_path):
    images, labels, predictions = a_test_split(300)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")

    found = picked(mapped, labels, predictions)

    assert np.array_equal(found["images"], images[found["index"]])
