"""Checkpoints as bytes."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

from hpsearch.training.checkpoint import MAGIC, pack, unpack

ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3).T,
    np.array(-0.0),
    np.array([np.nan, np.inf], dtype=np.float64),
    np.zeros((0, 4), dtype=np.uint32),
    np.array([1, 2], dtype=ml_dtypes.bfloat16),
    np.array([True, False]),
]


def test_a_checkpoint_gives_back_what_was_packed_bit_for_bit():
    meta = {"epoch": 3, "best": math.inf, "text": "ä"}

    found, groups = unpack(pack(meta, {"model": ARRAYS, "kept-0": [], "optimizer": ARRAYS[:1]}))

    assert found == meta
    assert list(groups) == ["model", "kept-0", "optimizer"]
    for packed, array in zip(ARRAYS, groups["model"], strict=True):
        assert (array.dtype, array.shape) == (packed.dtype, packed.shape)
        assert array.tobytes() == packed.tobytes()


@pytest.mark.parametrize("content", [b"", b"something else", pack({}, {"model": ARRAYS})[:-3]])
def test_bytes_that_are_no_checkpoint_are_refused(content):
    with pytest.raises(ValueError, match=r"not a checkpoint|cut off"):
        unpack(content)


def test_a_checkpoint_says_what_it_is():
    assert pack({}, {}).startswith(MAGIC)
