"""These tests see Keras as the coordinator does: on NumPy, without TensorFlow."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def keras_runs_on_numpy():
    import keras

    assert keras.backend.backend() == "numpy", "run these with KERAS_BACKEND=numpy"
