"""Seeds that follow from a study's seed and from nothing else."""

from __future__ import annotations

import hashlib
import json


def derive_seed(seed: int, *parts: object) -> int:
    """A seed in 0 .. 2**31 - 1 that is a function of `seed` and of the JSON form of `parts`.

    Hashed (SHA-256), because libraries shift their streams by neighbouring seeds: Keras Tuner's random draws of
    seeds s and s + p are the same sequence shifted by one trial when p parameters are active. Mappings count
    independently of their order.

    >>> derive_seed(7, "trial", {"a": 1, "b": 2}) == derive_seed(7, "trial", {"b": 2, "a": 1})
    True
    """
    text = json.dumps([seed, *parts], sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % 2**31
