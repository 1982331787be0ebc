"""What a training leaves behind: scores on the test split, and a model file that stands alone."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
from tests.training.tensorflow_side.tasks import LAYERS, task

from hpsearch.errors import ConfigError
from hpsearch.training import kept_epochs
from hpsearch.training.datasets import load
from hpsearch.training.model_files import classes_of, load_model
from hpsearch.training.registry import make_trainer

# Keras 3.15 converts variables in a way that NumPy 2.4 warns of, whenever it saves a model.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

CYCLES = {"learning_rate_schedule": {"cyclic": {"cycles": 3}}}


@pytest.fixture(autouse=True)
def no_kept_epochs():
    kept_epochs.clear()


def trained(**wishes):
    trainer = make_trainer(task(**wishes))
    for _ in range(6):
        trainer.advance()
    return trainer


@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"mixed_precision": True},
        {"dataset": {"rescale": "standardize"}},
        {"dataset": {"rescale": "none"}, "keep": "last"},
        {**CYCLES, "snapshots": {"count": 3, "combine": "mean"}},
        {**CYCLES, "snapshots": {"count": 3, "combine": "vote"}},
    ],
    ids=["plain", "mixed-precision", "standardized", "raw", "snapshots-mean", "snapshots-vote"],
)
def test_the_model_file_takes_raw_pixels_and_gives_the_evaluated_accuracy(tmp_path, wishes):
    trainer = trained(epochs=6, optimizer={"name": "adam", "learning_rate": 0.01}, **wishes)
    path = tmp_path / "model.keras"
    images, labels = load({"name": "digits"}).test()

    path.write_bytes(trainer.model_file())
    predicted = classes_of(load_model(path, LAYERS), images)

    evaluation = trainer.evaluate()
    assert evaluation.metrics["accuracy"] == pytest.approx(np.mean(predicted == labels), abs=2 / len(labels))
    assert evaluation.metrics["accuracy"] > 0.3


def test_the_model_file_loads_where_hpsearch_is_not_installed(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(trained(epochs=6).model_file())
    script = f"""
import sys
sys.modules["hpsearch"] = None
import keras
model = keras.models.load_model({str(path)!r})
assert model.input_shape == (None, 8, 8, 1)
assert {{"Dropout", "Conv2D", "Rescaling"}} <= {{type(layer).__name__ for layer in model.layers}}
"""

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_model_with_a_layer_of_ones_own_is_loaded_where_that_can_be_imported(tmp_path, monkeypatch):
    (tmp_path / "own_layer.py").write_text(
        "import keras\nclass Twice(keras.layers.Layer):\n    def call(self, tensor):\n        return 2 * tensor\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    layers = ("own_layer:Twice", "Flatten", LAYERS[6])
    (tmp_path / "model.keras").write_bytes(make_trainer(task(layers=layers)).model_file())

    model = load_model(tmp_path / "model.keras", layers)

    assert model.output_shape == (None, 10)
    with pytest.raises(ConfigError, match=r"own_layer:Thrice cannot be imported"):
        load_model(tmp_path / "model.keras", ("own_layer:Thrice",))


def test_scores_of_the_classes_agree_with_the_confusion_matrix():
    evaluation = trained(epochs=6).evaluate()

    confusion = np.array(evaluation.confusion)
    assert confusion.sum() == 360
    assert [score.name for score in evaluation.classes] == [str(digit) for digit in range(10)]
    assert [score.support for score in evaluation.classes] == confusion.sum(axis=1).tolist()
    for number, score in enumerate(evaluation.classes):
        assert score.recall == pytest.approx(confusion[number, number] / confusion[number].sum())
    assert evaluation.metrics["accuracy"] == pytest.approx(np.trace(confusion) / 360)


def test_an_ensemble_is_made_of_its_cycle_ends_and_survives_a_checkpoint():
    wishes = {**CYCLES, "snapshots": {"count": 3, "combine": "mean"}, "epochs": 6}
    whole = trained(**wishes)
    first = make_trainer(task(**wishes))
    for _ in range(3):
        first.advance()
    second = make_trainer(task(**wishes))
    second.restore(first.checkpoint())
    for _ in range(3):
        second.advance()

    evaluation = whole.evaluate()

    assert len(evaluation.members) == 3
    assert evaluation.epoch is None
    assert second.evaluate() == evaluation


def test_the_test_split_is_read_by_the_evaluation_alone():
    def refuse():
        raise AssertionError("the test split was read")

    trainer = trained(epochs=6)
    trainer._data = replace(trainer._data, splits=replace(trainer._data.splits, test=refuse))

    trainer.advance()
    trainer.checkpoint()
    trainer.model_file()

    with pytest.raises(AssertionError, match="was read"):
        trainer.evaluate()


def test_a_layer_that_drops_whole_channels_trains_and_is_saved_as_keras_has_it(tmp_path):
    layers = (*LAYERS[:4], {"SpatialDropout2D": {"rate": 0.2}}, "Flatten", {"Dropout": {"rate": 1.0}}, LAYERS[6])
    trainer = trained(epochs=6, layers=layers)
    path = tmp_path / "model.keras"

    path.write_bytes(trainer.model_file())

    model = keras.models.load_model(path)
    assert "SpatialDropout2D" in [type(layer).__name__ for layer in model.layers]
    assert model.get_layer("dropout").rate == 1.0
