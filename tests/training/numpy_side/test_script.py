"""Configurations as Keras scripts that run without hpsearch."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from hpsearch.errors import ConfigError
from hpsearch.space.catalogue import DataFacts
from hpsearch.space.configuration import Configuration
from hpsearch.study import Direction, Objective
from hpsearch.training.datasets import facts, load, split_indices
from hpsearch.training.script import keras_script

ACCURACY = Objective("val_accuracy", Direction.MAXIMIZE)
DIGITS = {"name": "digits", "validation": 0.1, "train_subset": 0.9}
LAYERS = (
    {"Conv2D": {"filters": 8, "kernel_size": 3, "padding": "same", "kernel_regularizer": {"l2": 1e-4}}},
    {"Activation": {"activation": "leaky_relu", "negative_slope": 0.1}},
    {"residual": [{"Conv2D": {"filters": 16, "kernel_size": 3, "strides": 2, "padding": "same"}}]},
    {"Activation": {"activation": "celu", "alpha": 0.5}},
    "Flatten",
    {"Dropout": 0.2},
    {"Dense": {"units": 10, "activation": "softmax"}},
)
PLAIN = {"epochs": 5, "batch_size": 64, "optimizer": {"name": "adam", "learning_rate": 0.01}}
PLAIN |= {"loss": "sparse_categorical_crossentropy"}


def run(script: str, folder) -> str:
    """What the script prints, run where hpsearch cannot be imported."""
    blocker = "import sys\nsys.modules['hpsearch'] = None\n"
    (folder / "script.py").write_text(blocker + script)
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def script_of(layers=LAYERS, dataset=DIGITS, objective=ACCURACY, keep="best", **training) -> str:
    configuration = Configuration(dataset, tuple(layers), {**PLAIN, **training}, keep)
    return keras_script(configuration, facts(dataset), objective, split_seed=7)


def split_part(script: str) -> str:
    """The script up to its model, without Keras."""
    return (
        script.partition("\nlayers = [")[0].replace("import keras\n", "").replace("keras.utils.set_random_seed(1)", "")
    )


@pytest.mark.timeout(120)
def test_the_digits_script_runs_and_learns(tmp_path):
    script = script_of(
        metrics=["accuracy", {"F1Score": {"average": "weighted"}}],
        augmentation=[{"RandomTranslation": {"height_factor": 0.05, "width_factor": 0.05}}, {"RandomBrightness": 0.1}],
        learning_rate_schedule={"cosine": {"warmup": 1}},
        early_stopping={"patience": 4},
        reduce_on_plateau={"patience": 3},
    )

    output = run(script, tmp_path)

    scores = dict(line.removeprefix("test ").split(": ") for line in output.splitlines() if line.startswith("test "))
    assert set(scores) == {"accuracy", "f1_weighted", "loss"}
    assert float(scores["accuracy"]) > 0.6


def test_the_scripts_splits_are_the_studys():
    splits = load(DIGITS)
    train, validation = split_indices(DIGITS, splits.y_train, 7)

    names: dict = {}
    exec(split_part(script_of()), names)

    assert np.array_equal(names["x_train"], splits.x_train[train])
    assert np.array_equal(names["y_validation"], splits.y_train[validation])
    assert np.array_equal(names["x_test"], splits.test()[0])


def test_an_npz_file_is_loaded_by_its_path(tmp_path):
    x = np.random.default_rng(0).integers(0, 255, (80, 4, 4), np.uint8)
    np.savez(tmp_path / "own.npz", X_train=x, y_train=np.arange(80) % 4, x_val=x[:8], y_val=np.arange(8) % 4)
    dataset = {"name": "npz", "path": str(tmp_path / "own.npz"), "test": 0.25}
    script = script_of(["Flatten", {"Dense": 4}], dataset)

    names: dict = {}
    exec(split_part(script), names)

    assert np.array_equal(names["x_train"], load(dataset).x_train)
    assert np.array_equal(names["x_test"], load(dataset).test()[0])
    assert names["x_validation"].shape == (8, 4, 4, 1)


def test_layers_are_written_as_keras_has_them():
    script = script_of()

    assert "keras.layers.LeakyReLU(negative_slope=0.1)" in script
    assert "keras.layers.Rescaling(0.0625)" in script
    assert "kernel_regularizer=keras.regularizers.L1L2(l2=0.0001)" in script
    assert "lambda tensor: keras.ops.celu(tensor, alpha=0.5)" in script
    assert "hpsearch" not in script


@pytest.mark.parametrize(
    ("training", "text"),
    [
        (
            {"loss": {"CategoricalCrossentropy": {"label_smoothing": 0.1}}},
            "CategoricalCrossentropy(label_smoothing=0.1)",
        ),
        ({"loss": "mean_squared_error"}, "y_train = keras.utils.to_categorical(y_train, 10)"),
        ({"metrics": ["top_5_accuracy"]}, "SparseTopKCategoricalAccuracy(k=5, name='top_5_accuracy')"),
        ({"augmentation": [{"MixUp": {"alpha": 0.2}}]}, "keras.losses.CategoricalCrossentropy()"),
        ({"learning_rate_schedule": {"steps": {3: 0.1}}}, "factors = [1.0, 1.0, 0.1, 0.1, 0.1]"),
        (
            {"early_stopping": {"monitor": "val_loss", "patience": 3}},
            "EarlyStopping(monitor='val_loss', patience=3, mode='min')",
        ),
        ({"optimizer": "sgd"}, "optimizer=keras.optimizers.SGD()"),
        ({"mixed_precision": True}, 'keras.config.set_dtype_policy("mixed_float16")'),
        ({"objective": Objective("val_f1_macro", Direction.MAXIMIZE)}, "to_categorical(y_train, 10)"),
        ({"loss": "os.path:join"}, "loss=os.path.join,"),
        (
            {"loss": {"os.path:join": {"a": 1}}},
            "loss=lambda labels, predictions: os.path.join(labels, predictions, a=1),",
        ),
        ({"metrics": [{"fractions:Fraction": {"a": 1}}]}, "metrics=[fractions.Fraction(a=1), "),
        ({"keep": "last"}, "model.fit("),
        ({"keep": {"metric": "val_loss"}}, "monitor='val_loss', mode='min', save_best_only=True"),
        ({"dataset": {**DIGITS, "rescale": "standardize"}}, "standardize.adapt(x_train)"),
        ({"dataset": {"name": "cifar100", "labels": "coarse"}}, "superclass[y_train.ravel()]"),
        ({"dataset": {**DIGITS, "validation": None}, "keep": "last"}, "epochs=5, callbacks=callbacks)"),
    ],
)
def test_every_key_of_training_has_its_lines(training, text):
    script = script_of(**training)

    ast.parse(script)
    assert text in script


@pytest.mark.timeout(120)
def test_an_ensemble_of_snapshots_is_tested_as_one_model(tmp_path):
    schedule = {"learning_rate_schedule": {"cyclic": {"cycles": 2, "shape": "cosine", "final": 0.0}}}
    snapshots = {"snapshots": {"count": 2, "combine": "vote"}}

    printed = run(script_of(epochs=4, keep="last", **schedule, **snapshots), tmp_path)

    assert float(re.search(r"test accuracy: (\S+)", printed)[1]) > 0.5


def test_what_has_no_model_or_no_loadable_data_has_no_script():
    with pytest.raises(ConfigError, match="no Keras script"):
        keras_script(Configuration({}, (), {"trainer": "simulated"}), DataFacts(2, (1,)), ACCURACY)
    with pytest.raises(ConfigError, match="an npz file of the same images can"):
        keras_script(Configuration({"name": "own:data"}, (), PLAIN), DataFacts(2, (1,), 5), ACCURACY)
