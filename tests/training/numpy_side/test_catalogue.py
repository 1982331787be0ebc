"""Names, signatures and mistakes, as Keras itself knows them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hpsearch.errors import ConfigError, DataError
from hpsearch.space.catalogue import Kind
from hpsearch.training.catalogue import KerasCatalogue

CONVOLUTION = {"filters": 8, "kernel_size": 3}


@pytest.fixture(scope="module")
def catalogue() -> KerasCatalogue:
    return KerasCatalogue()


@pytest.mark.parametrize(
    ("kind", "there", "not_there"),
    [
        (Kind.LAYER, ["Conv2D", "MaxPooling2D", "Dropout", "LeakyReLU", "LSTM"], ["Input", "Layer", "Add", "Lambda"]),
        (Kind.AUGMENTATION, ["RandomFlip", "MixUp", "CutMix", "RandomErasing"], ["Dense", "Resizing"]),
        (Kind.OPTIMIZER, ["adam", "sgd", "nadam", "adamw", "rmsprop", "AdamW"], ["optimizer", "legacy"]),
        (Kind.LOSS, ["sparse_categorical_crossentropy", "mean_squared_error", "CategoricalCrossentropy"], ["Loss"]),
        (Kind.METRIC, ["accuracy", "f1_weighted", "top_5_accuracy", "F1Score", "AUC"], ["Metric", "Mean", "MeanIoU"]),
        (Kind.ACTIVATION, ["relu", "leaky_relu", "softmax"], ["get", "serialize"]),
        (Kind.DATASET, ["digits", "cifar10", "npz", "images"], []),
        (Kind.TRAINER, ["keras", "simulated"], []),
    ],
)
def test_the_names_are_those_that_can_be_used(catalogue, kind, there, not_there):
    names = catalogue.names(kind)

    assert set(there) <= set(names)
    assert not set(not_there) & set(names)


@pytest.mark.parametrize(
    ("kind", "name", "first", "required"),
    [
        (Kind.LAYER, "Conv2D", "filters", {"filters", "kernel_size"}),
        (Kind.LAYER, "Dense", "units", {"units"}),
        (Kind.LAYER, "MaxPooling2D", "pool_size", set()),
        (Kind.LAYER, "Reshape", "target_shape", {"target_shape"}),
        (Kind.LAYER, "LeakyReLU", "negative_slope", set()),
        (Kind.AUGMENTATION, "RandomFlip", "mode", set()),
        (Kind.AUGMENTATION, "RandomTranslation", "height_factor", {"height_factor", "width_factor"}),
        (Kind.OPTIMIZER, "sgd", "learning_rate", set()),
        (Kind.METRIC, "F1Score", "average", set()),
        (Kind.ACTIVATION, "leaky_relu", "negative_slope", set()),
        (Kind.ACTIVATION, "tanh", None, set()),
        (Kind.DATASET, "images", "name", {"path", "size"}),
    ],
)
def test_signatures_are_those_of_keras(catalogue, kind, name, first, required):
    signature = catalogue.signature(kind, name)

    assert signature.first == first
    assert signature.required == required


def test_every_layer_takes_what_all_layers_take_and_nothing_of_inner_classes(catalogue):
    arguments = catalogue.signature(Kind.LAYER, "Conv2D").arguments

    assert {"name", "dtype", "trainable", "kernel_regularizer"} <= set(arguments)
    assert "rank" not in arguments


def test_every_name_has_a_signature(catalogue):
    for kind in (Kind.LAYER, Kind.AUGMENTATION, Kind.OPTIMIZER, Kind.LOSS, Kind.METRIC, Kind.ACTIVATION, Kind.DATASET):
        for name in catalogue.names(kind):
            catalogue.signature(kind, name)


def test_what_is_said_elsewhere_is_no_argument(catalogue):
    assert "name" not in catalogue.signature(Kind.OPTIMIZER, "adam").arguments
    assert "weight_decay" in catalogue.signature(Kind.OPTIMIZER, "adam").arguments
    assert "verbose" not in catalogue.signature(Kind.EARLY_STOPPING, "").arguments
    stopping = catalogue.signature(Kind.EARLY_STOPPING, "").arguments
    assert {"monitor", "patience", "start_from_epoch", "restore_best_weights"} <= set(stopping)
    assert {"factor", "min_lr", "cooldown"} <= set(catalogue.signature(Kind.REDUCE_ON_PLATEAU, "").arguments)


@pytest.mark.parametrize(
    ("kind", "name", "arguments", "message"),
    [
        (Kind.LAYER, "Conv2D", {**CONVOLUTION, "filters": -1}, "Invalid value for argument `filters`"),
        (Kind.LAYER, "Conv2D", {**CONVOLUTION, "padding": "sme"}, "takes padding valid, same, causal, not 'sme'"),
        (Kind.LAYER, "MaxPooling2D", {"padding": "sme"}, "takes padding valid"),
        (Kind.LAYER, "Conv2D", {**CONVOLUTION, "kernel_initializer": "he"}, "initializer"),
        (Kind.LAYER, "Dense", {"units": 0}, "positive integer"),
        (Kind.LAYER, "Dense", {"units": 6.5}, "positive integer"),
        (Kind.LAYER, "Dropout", {"rate": 1.5}, "between 0 and 1"),
        (Kind.LAYER, "Input", {}, "Input is added by itself"),
        (Kind.LAYER, "Activation", {"activation": "relux"}, "relux"),
        (Kind.LAYER, "LeakyReLU", {"alpha": 0.1}, "Keras 3 says negative_slope"),
        (Kind.LAYER, "nowhere:Layer", {}, "cannot be imported: No module named 'nowhere'"),
        (Kind.LAYER, "os:path", {}, "os:path is not a Keras layer"),
        (Kind.ACTIVATION, "leaky_relu", {"negative_slope": -1}, "negative_slope"),
        (Kind.AUGMENTATION, "RandomFlip", {"mode": "horizntal"}, "not 'horizntal'"),
        (Kind.AUGMENTATION, "RandomTranslation", {"height_factor": 0.1}, "width_factor"),
        (Kind.OPTIMIZER, "sgd", {"momentum": 2}, "momentum"),
        (Kind.OPTIMIZER, "adam", {"learning_rate": -1}, "learning_rate is -1, but a number above 0"),
        (Kind.OPTIMIZER, "adam", {"learning_rate": "fast"}, "`learning_rate` is `fast`, but a number was expected"),
        (Kind.OPTIMIZER, "adm", {}, "no optimizer adm"),
        (Kind.LOSS, "crossentropy", {}, "no loss crossentropy"),
        (Kind.METRIC, "F1Score", {"average": "wighted"}, "wighted"),
        (Kind.METRIC, "F1Score", {}, "needs `average`"),
        (Kind.EARLY_STOPPING, "", {"patience": -1}, "patience is -1"),
        (Kind.EARLY_STOPPING, "", {"mode": "up"}, "mode is 'up'"),
        (Kind.REDUCE_ON_PLATEAU, "", {"factor": 2}, "factor"),
        (Kind.REGULARIZER, "l2", {"l2": "much"}, "could not convert"),
        (Kind.DATASET, "cifar100", {"labels": "rough"}, "neither fine nor coarse"),
        (Kind.TRAINER, "simulated", {"failure_rate": 2}, "failure_rate"),
    ],
)
def test_what_cannot_be_made_is_told_in_one_sentence(catalogue, kind, name, arguments, message):
    problem = catalogue.problem(kind, name, arguments)

    assert message in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("kind", "name", "arguments"),
    [
        (Kind.LAYER, "Conv2D", {**CONVOLUTION, "kernel_regularizer": {"l2": 1e-4}, "activation": "leaky_relu"}),
        (Kind.LAYER, "Dense", {"units": 64.0}),
        (Kind.LAYER, "MaxPooling2D", {"pool_size": 2}),
        (Kind.LAYER, "Activation", {"activation": "celu", "alpha": 0.2}),
        (Kind.ACTIVATION, "elu", {"alpha": 0.2}),
        (Kind.AUGMENTATION, "RandomBrightness", {"factor": 0.1}),
        (Kind.AUGMENTATION, "MixUp", {"alpha": 0.2}),
        (Kind.OPTIMIZER, "sgd", {"learning_rate": 0.01, "momentum": 0.9, "nesterov": True}),
        (Kind.OPTIMIZER, "adamw", {"learning_rate": 1e-3, "weight_decay": 5e-4}),
        (Kind.LOSS, "CategoricalCrossentropy", {"label_smoothing": 0.1}),
        (Kind.METRIC, "top_5_accuracy", {}),
        (Kind.METRIC, "F1Score", {"average": "weighted"}),
        (Kind.EARLY_STOPPING, "", {"monitor": "val_loss", "patience": 3}),
        (Kind.REDUCE_ON_PLATEAU, "", {"factor": 0.5, "patience": 3, "min_lr": 1e-5}),
        (Kind.REGULARIZER, "l2", {"l2": 1e-4}),
        (Kind.DATASET, "cifar10", {"validation": 1 / 6, "rescale": None}),
        (Kind.TRAINER, "simulated", {"noise": 0.1}),
        (Kind.TRAINER, "keras", {}),
    ],
)
def test_what_can_be_made_is_no_problem(catalogue, kind, name, arguments):
    assert catalogue.problem(kind, name, arguments) is None


def test_every_optimizer_can_be_made_by_its_name(catalogue):
    problems = [
        catalogue.problem(Kind.OPTIMIZER, name, {"learning_rate": 0.1}) for name in catalogue.names(Kind.OPTIMIZER)
    ]

    assert set(problems) == {None}


def test_a_name_of_ones_own_is_not_imported_where_it_may_not_be(tmp_path):
    restricted = KerasCatalogue(custom=False)

    assert "command line" in restricted.problem(Kind.LAYER, "os:path", {})
    assert "command line" in restricted.problem(Kind.LOSS, "os:path", {})
    assert restricted.signature(Kind.LAYER, "os:path").arguments == ()
    with pytest.raises(DataError, match="command line"):
        restricted.data_facts({"name": "os:getcwd"})


def test_a_loss_of_ones_own_takes_what_it_has_beside_labels_and_predictions(catalogue, tmp_path, monkeypatch):
    (tmp_path / "own_loss.py").write_text("def weighted(labels, predictions, weight, power=2): ...\n")
    monkeypatch.syspath_prepend(tmp_path)

    signature = catalogue.signature(Kind.LOSS, "own_loss:weighted")

    assert signature.arguments == ("weight", "power")
    assert signature.required == {"weight"}


def test_a_signature_is_asked_of_known_names_only(catalogue):
    with pytest.raises(ConfigError, match="no layer Convolve"):
        catalogue.signature(Kind.LAYER, "Convolve")


@pytest.mark.parametrize(
    ("metric", "name", "direction"),
    [
        ("accuracy", "accuracy", "maximize"),
        ("f1_macro", "f1_macro", "maximize"),
        ({"F1Score": {"average": "weighted"}}, "f1_weighted", "maximize"),
        ({"TopKCategoricalAccuracy": {"k": 5}}, "top_5_accuracy", "maximize"),
        ({"SparseTopKCategoricalAccuracy": {"k": 3}}, "top_3_accuracy", "maximize"),
        ("mean_squared_error", "mean_squared_error", "minimize"),
        ("RootMeanSquaredError", "root_mean_squared_error", "minimize"),
        ("AUC", "auc", "maximize"),
    ],
)
def test_metrics_have_one_documented_name_and_a_direction(catalogue, metric, name, direction):
    assert catalogue.metric_name(metric) == name
    assert catalogue.metric_direction(name) == direction
    assert catalogue.metric_direction(f"val_{name}") == direction


def test_losses_are_minimised_and_unknown_metrics_have_no_direction(catalogue):
    assert catalogue.metric_direction("loss") == catalogue.metric_direction("val_loss") == "minimize"
    assert catalogue.metric_direction("own_score") is None
    with pytest.raises(ConfigError, match="acuracy"):
        catalogue.metric_name("acuracy")


def test_keras_is_loaded_by_the_first_question_that_needs_it_and_tensorflow_by_none():
    program = (
        "import sys\n"
        "from hpsearch.space.catalogue import Kind\n"
        "from hpsearch.training.catalogue import KerasCatalogue\n"
        "catalogue = KerasCatalogue()\n"
        "catalogue.metric_direction('val_accuracy'), catalogue.data_facts({'name': 'cifar10'})\n"
        "before = 'keras' in sys.modules\n"
        "catalogue.problem(Kind.LAYER, 'Dense', {'units': 3})\n"
        "print(before, 'keras' in sys.modules, 'tensorflow' in sys.modules)\n"
    )
    on_numpy = {**os.environ, "KERAS_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-c", program], env=on_numpy, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True", "False"]
