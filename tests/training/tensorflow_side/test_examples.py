"""The example images that the one look at the test split leaves behind."""

from __future__ import annotations

import io

import numpy as np
import pytest
from tests.training.tensorflow_side.tasks import task

from hpsearch.training import kept_epochs
from hpsearch.training.datasets import load
from hpsearch.training.model_files import load_model
from hpsearch.training.registry import make_trainer

# Keras 3.15 converts variables in a way that NumPy 2.4 warns of, whenever it saves a model.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

LAYERS = ("Flatten", {"Dense": {"units": 10, "activation": "softmax"}})


@pytest.fixture(autouse=True)
def no_kept_epochs():
    kept_epochs.clear()


def test_they_are_what_the_model_file_says_of_the_test_images(tmp_path):
    trainer = make_trainer(task(layers=LAYERS, epochs=1))
    trainer.advance()
    path = tmp_path / "model.keras"
    path.write_bytes(trainer.model_file())
    images, labels = load({"name": "digits"}).test()
    shares = np.asarray(load_model(path, LAYERS)(images))

    content = trainer.evaluate().examples

    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        index = found["index"]
        assert np.array_equal(found["true"], labels[index])
        assert np.array_equal(found["predicted"], shares.argmax(axis=1)[index])
        assert found["probability"] == pytest.approx(shares.max(axis=1)[index], abs=1e-5)
        assert np.array_equal(found["images"], (images[index] * (255 / 16)).round())
        assert found["names"].tolist() == [str(digit) for digit in range(10)]
