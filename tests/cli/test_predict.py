"""What `hpsearch predict` takes for images."""

from __future__ import annotations

import io

import numpy as np
import pytest

from hpsearch.cli.predicting import read_images
from hpsearch.errors import ConfigError

PIXELS = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4)


def bytes_of(save, *arrays, **named) -> bytes:
    stream = io.BytesIO()
    save(stream, *arrays, **named)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        bytes_of(np.save, PIXELS),
        bytes_of(np.savez, PIXELS),
        bytes_of(np.savez, anything=PIXELS),
        bytes_of(np.savez, x_train=PIXELS[:1], x_test=PIXELS, y_test=np.zeros(2)),
    ],
    ids=["npy", "npz", "one-array", "x_test"],
)
def test_a_file_holds_one_array_or_one_of_a_known_name(tmp_path, content):
    (tmp_path / "images").write_bytes(content)

    images = read_images(tmp_path / "images")

    np.testing.assert_array_equal(images, PIXELS[..., np.newaxis])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file"),
        (b"ID,Prediction\n", "is not a readable .npy or .npz file"),
        (b"", "is not a readable"),
        (bytes_of(np.savez, x=PIXELS)[:200], "is not a readable"),
        (bytes_of(np.savez, x=np.array([{}])), "is not a readable"),
        (bytes_of(np.savez, a=PIXELS, b=PIXELS), "holds a, b; expected one array, or one named x_test"),
        (bytes_of(np.save, np.array(["a", "b"])), "not numbers"),
        (bytes_of(np.save, np.full((2, 4, 4), np.nan)), "NaN or infinite"),
        (bytes_of(np.save, np.zeros(3)), r"has shape \(3,\)"),
    ],
)
def test_what_holds_no_images_is_one_sentence(tmp_path, content, said):
    if content is not None:
        (tmp_path / "images").write_bytes(content)

    with pytest.raises(ConfigError, match=said) as caught:
        read_images(tmp_path / "images")

    assert "\n" not in str(caught.value)
