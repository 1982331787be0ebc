"""Losses and metrics of Keras, each with labels in the form that it compares."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from hpsearch.errors import BuildError
from hpsearch.space.values import Plain
from hpsearch.training.keras_names import losses, metric_of
from hpsearch.training.layer_calls import first_line, load


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss as a function of labels and predictions.

    Attributes:
        function: Keras's, or one's own.
        takes_integers: whether it compares with the number of the class rather than with shares of classes.
    """

    function: Any
    takes_integers: bool

    def __call__(self, labels: Any, predictions: Any) -> Any:
        """Mean over the batch, float32."""
        return keras.ops.mean(keras.ops.cast(self.function(labels, predictions), "float32"))


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric under its documented name; `takes_integers` as in `Loss`."""

    name: str
    metric: Any
    takes_integers: bool


def make_loss(wish: Plain) -> Loss:
    """The loss of a name (``mean_squared_error``), of ``{Class: {arguments}}``, or of ``module:name``.

    One's own is a function of integer labels, predictions and the arguments, or a class of such functions.

    Raises:
        BuildError: Keras refuses it.
    """
    name, arguments = _name_and_arguments(wish)
    try:
        if ":" in name:
            own = load(name)
            made = own(**arguments) if inspect.isclass(own) else partial(own, **arguments)
            return Loss(made, takes_integers=True)
        found = _known(losses().__getitem__, name)
        return Loss(found(**arguments), takes_integers=found is keras.losses.SparseCategoricalCrossentropy)
    except (ValueError, TypeError) as error:
        raise BuildError(f"The loss {name} cannot be made: {first_line(error)}") from error


def make_metric(wish: Plain, stored_name: str) -> Metric:
    """The metric of a name, of ``{Class: {arguments}}``, or of ``module:function``.

    Args:
        wish: Keras's name, a documented name (``f1_weighted``, ``top_5_accuracy``), or a class with arguments.
        stored_name: the documented name.

    Raises:
        BuildError: Keras refuses it.
    """
    name, arguments = _name_and_arguments(wish)
    try:
        if ":" in name:
            own = load(name)
            is_class = inspect.isclass(own)
            metric = own(**arguments) if is_class else keras.metrics.MeanMetricWrapper(own, stored_name, **arguments)
            return Metric(stored_name, metric, takes_integers=True)
        found, arguments = _metric_class(name, arguments)
        metric = found(**{**arguments, "name": stored_name, "dtype": "float32"})
        return Metric(stored_name, metric, takes_integers=found.__name__.startswith("Sparse"))
    except (ValueError, TypeError) as error:
        raise BuildError(f"The metric {name} cannot be made: {first_line(error)}") from error


def _metric_class(name: str, arguments: dict[str, Any]) -> tuple[type[Any], dict[str, Any]]:
    if name.startswith("f1_"):
        return metric_of(name), {"average": name.removeprefix("f1_")}
    if top := re.fullmatch(r"top_(\d+)_accuracy", name):
        return metric_of(name), {"k": int(top[1])}
    return _known(metric_of, name), arguments


def _known(table: Callable[[str], type[Any]], name: str) -> type[Any]:
    try:
        return table(name)
    except KeyError:
        raise ValueError(f"{name} is not known to Keras") from None


def _name_and_arguments(wish: Plain) -> tuple[str, dict[str, Any]]:
    if isinstance(wish, Mapping):
        name, arguments = next(iter(wish.items()))
        return str(name), dict(arguments or {})
    return str(wish), {}


def metric_name(wish: Plain) -> str:
    """The documented name under which a metric is stored: ``f1_weighted`` for ``{F1Score: {average: weighted}}``.

    Raises:
        ValueError: Keras has no such metric.
    """
    name, arguments = _name_and_arguments(wish)
    if ":" in name:
        return name.partition(":")[2]
    if name == "accuracy" or name.startswith("f1_") or re.fullmatch(r"top_\d+_accuracy", name):
        return name
    found = _known(metric_of, name).__name__
    if found == "F1Score":
        return f"f1_{arguments['average']}" if arguments.get("average") else "f1"
    if found.endswith("TopKCategoricalAccuracy"):
        return f"top_{arguments.get('k', 5)}_accuracy"
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", found).lower()
