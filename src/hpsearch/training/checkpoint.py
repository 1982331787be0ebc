"""Checkpoints as bytes: a JSON header and raw arrays. Nothing in them can run when they are read.

Layout: ``hpsearch-checkpoint-1\\n``, the header's length in 8 bytes (little-endian), the header, the arrays one after
another, little-endian and in C order. The header holds `meta` and each array's group, dtype and shape.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import ml_dtypes  # registers bfloat16 and its kin with NumPy
import numpy as np
from numpy.typing import NDArray

MAGIC = b"hpsearch-checkpoint-1\n"

Arrays = list[NDArray[Any]]


def pack(meta: Mapping[str, Any], groups: Mapping[str, Sequence[NDArray[Any]]]) -> bytes:
    """`meta` (JSON; infinities allowed) and named lists of arrays as one checkpoint."""
    arrays = [(group, np.ascontiguousarray(array)) for group, members in groups.items() for array in members]
    header = {
        "meta": meta,
        "groups": list(groups),
        "arrays": [
            {"group": group, "dtype": array.dtype.name, "shape": source.shape}
            for (group, array), source in zip(arrays, (a for members in groups.values() for a in members), strict=True)
        ],
    }
    text = json.dumps(header).encode()
    return b"".join([MAGIC, len(text).to_bytes(8, "little"), text, *(array.tobytes() for _, array in arrays)])


def unpack(content: bytes) -> tuple[dict[str, Any], dict[str, Arrays]]:
    """`meta` and the groups of a checkpoint, bit for bit as packed; the arrays are read-only views of `content`.

    Raises:
        ValueError: `content` is no checkpoint, or not all of one.
    """
    if not content.startswith(MAGIC):
        raise ValueError("These bytes are not a checkpoint of this version of hpsearch.")
    start = len(MAGIC) + 8
    end = start + int.from_bytes(content[len(MAGIC) : start], "little")
    header = json.loads(content[start:end])
    groups: dict[str, Arrays] = {group: [] for group in header["groups"]}
    for entry in header["arrays"]:
        dtype = _dtype(entry["dtype"])
        count = math.prod(entry["shape"])
        if end + count * dtype.itemsize > len(content):
            raise ValueError("This checkpoint is cut off.")
        array = np.frombuffer(content, dtype, count, offset=end).reshape(entry["shape"])
        groups[entry["group"]].append(array)
        end += count * dtype.itemsize
    return header["meta"], groups


def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(getattr(ml_dtypes, name)) if hasattr(ml_dtypes, name) else np.dtype(name)
