"""What Keras has under which name: the layers, optimizers, losses and metrics that a space may name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import keras

# Layers that no plain list of layers can hold.
_NOT_IN_A_LIST = {
    "no layer of its own": "Layer Wrapper InputLayer InputSpec Pipeline",
    "several inputs": "Add Average Concatenate Dot Maximum Minimum Multiply Subtract Attention AdditiveAttention "
    "MultiHeadAttention GroupQueryAttention",
    "layers as arguments": "Bidirectional TimeDistributed SpectralNormalization RNN StackedRNNCells",
    "a cell, not a layer": "GRUCell LSTMCell SimpleRNNCell",
    "code as an argument": "Lambda FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
    "not for numbers": "StringLookup IntegerLookup TextVectorization Hashing HashedCrossing MaxNumBoundingBoxes",
    "labels too: augmentation only": "MixUp CutMix",
}
NOT_IN_A_LIST = frozenset(name for names in _NOT_IN_A_LIST.values() for name in names.split())
NOT_AUGMENTING = frozenset({"CenterCrop", "Resizing", "MaxNumBoundingBoxes"})
NOT_AN_OPTIMIZER = frozenset({"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"})
NOT_A_CLASSIFIERS_LOSS = frozenset({"Loss", "CTC", "Circle"})  # sequences, embeddings
NOT_A_CLASSIFIERS_METRIC = frozenset({"Metric", "Mean", "Sum", "MeanMetricWrapper"}) | {
    *("IoU", "BinaryIoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"),  # of segmentation
    "Accuracy",  # of equal numbers: labels never equal shares of classes
}
# Scores of ours beside Keras's own names: F1Score(average) and SparseTopKCategoricalAccuracy(k).
DOCUMENTED_METRICS = ("accuracy", "f1_weighted", "f1_macro", "f1_micro", *(f"top_{k}_accuracy" for k in range(2, 21)))


@cache
def layers() -> dict[str, type[Any]]:
    """Layers that may stand in a model's list."""
    return _classes(keras.layers, keras.layers.Layer, NOT_IN_A_LIST)


@cache
def augmentations() -> dict[str, type[Any]]:
    """Layers that augment images, MixUp and CutMix among them; GaussianNoise too."""
    found = _classes(keras.layers, keras.layers.Layer, NOT_AUGMENTING)
    return {
        name: layer
        for name, layer in found.items()
        if "image_preprocessing" in layer.__module__ or layer is keras.layers.GaussianNoise
    }


@cache
def optimizers() -> dict[str, type[Any]]:
    """Optimizers by lower-case name (``adamw``) and by class name (``AdamW``)."""
    found = _classes(keras.optimizers, keras.optimizers.Optimizer, NOT_AN_OPTIMIZER)
    return {**{name.lower(): optimizer for name, optimizer in found.items()}, **found}


@cache
def losses() -> dict[str, type[Any]]:
    """Losses by the name of the function (``mean_squared_error``) and of the class (``MeanSquaredError``)."""
    return _with_functions(keras.losses, _classes(keras.losses, keras.losses.Loss, NOT_A_CLASSIFIERS_LOSS))


@cache
def metrics() -> dict[str, type[Any]]:
    """Metrics by the name of the function, where there is one, and of the class."""
    return _with_functions(keras.metrics, _classes(keras.metrics, keras.metrics.Metric, NOT_A_CLASSIFIERS_METRIC))


@cache
def activations() -> dict[str, Callable[..., Any]]:
    """Activation functions."""
    names = {"get", "serialize", "deserialize"}
    return {n: found for n, found in vars(keras.activations).items() if inspect.isfunction(found) and n not in names}


def metric_of(name: str) -> type[Any]:
    """The class of a metric, documented names included. Raises KeyError for others."""
    known = metrics()
    if name == "accuracy":
        return known["SparseCategoricalAccuracy"]
    if name.startswith("f1_"):
        return known["F1Score"]
    if re.fullmatch(r"top_\d+_accuracy", name):
        return known["SparseTopKCategoricalAccuracy"]
    return known[name]


def _classes(module: Any, base: type[Any], left_out: frozenset[str]) -> dict[str, type[Any]]:
    return {
        name: found
        for name, found in sorted(vars(module).items())
        if inspect.isclass(found) and issubclass(found, base) and name not in left_out
    }


def _with_functions(module: Any, classes: dict[str, type[Any]]) -> dict[str, type[Any]]:
    """`classes`, each also under the name of the function of `module` that is spelled like it."""
    by_spelling = {name.lower(): found for name, found in classes.items()}
    functions = {
        name: by_spelling[name.replace("_", "")]
        for name, found in sorted(vars(module).items())
        if inspect.isfunction(found) and name.replace("_", "") in by_spelling
    }
    return {**functions, **classes}
