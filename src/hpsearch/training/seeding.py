"""Seeding what Keras draws seeds from, without leaving a trace in the process."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np


@contextmanager
def seeded(seed: int, *, everything: bool = False) -> Iterator[None]:
    """Layers made within draw their initial values and random generators from `seed`.

    Keras takes the seeds of initializers and generators from Python's `random`. Its own `set_random_seed` also seeds
    TensorFlow, which throws away the kernels of all compiled functions (0.5 s for the next epoch); only layers of
    one's own can need that, with `everything`.
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()
    if everything:
        keras.utils.set_random_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
