"""A catalogue of a handful of names, so that the language is tested without Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.errors import DataError
from hpsearch.space import DataFacts, Kind, Signature

LAYERS = {
    "Conv2D": Signature(
        ("filters", "kernel_size", "strides", "padding", "activation", "kernel_regularizer", "name"),
        frozenset({"filters", "kernel_size"}),
    ),
    "Dense": Signature(("units", "activation", "kernel_regularizer"), frozenset({"units"})),
    "Dropout": Signature(("rate",), frozenset({"rate"})),
    "Reshape": Signature(("target_shape",), frozenset({"target_shape"})),
    "MaxPooling2D": Signature(("pool_size", "strides", "padding")),
    "BatchNormalization": Signature(("axis", "momentum")),
    "LeakyReLU": Signature(("negative_slope",)),
    "Activation": Signature(("activation", "name"), frozenset({"activation"})),
    "Flatten": Signature(("data_format",)),
    "GlobalAveragePooling2D": Signature(("data_format",)),
}
NAMES: dict[Kind, dict[str, Signature]] = {
    Kind.LAYER: LAYERS,
    Kind.AUGMENTATION: {
        "RandomFlip": Signature(("mode",)),
        "RandomRotation": Signature(("factor", "fill_mode"), frozenset({"factor"})),
        "RandomTranslation": Signature(("height_factor", "width_factor"), frozenset({"height_factor", "width_factor"})),
    },
    Kind.OPTIMIZER: {
        "adam": Signature(("learning_rate", "beta_1")),
        "sgd": Signature(("learning_rate", "momentum", "nesterov")),
        "nadam": Signature(("learning_rate",)),
    },
    Kind.LOSS: {
        "sparse_categorical_crossentropy": Signature(()),
        "mean_squared_error": Signature(()),
        "CategoricalCrossentropy": Signature(("label_smoothing",)),
    },
    Kind.METRIC: {
        "accuracy": Signature(()),
        "f1_weighted": Signature(()),
        "F1Score": Signature(("average",)),
    },
    Kind.ACTIVATION: {
        "relu": Signature(()),
        "tanh": Signature(()),
        "leaky_relu": Signature(("negative_slope",)),
        "elu": Signature(("alpha",)),
        "softmax": Signature(()),
    },
    Kind.EARLY_STOPPING: {"": Signature(("monitor", "patience", "min_delta", "mode"))},
    Kind.REDUCE_ON_PLATEAU: {"": Signature(("monitor", "factor", "patience", "min_lr"))},
    Kind.DATASET: {
        "digits": Signature(("name", "validation", "train_subset", "rescale", "test")),
        "cifar10": Signature(("name", "validation", "train_subset", "rescale")),
        "npz": Signature(("name", "validation", "train_subset", "rescale", "path", "test"), frozenset({"path"})),
    },
    Kind.TRAINER: {"keras": Signature(()), "simulated": Signature(("noise", "seconds_per_epoch"))},
    Kind.BACKEND: {
        "random": Signature(()),
        "grid": Signature(()),
        "bayesian": Signature(()),
        "hyperband": Signature(("max_epochs", "factor", "iterations"), frozenset({"max_epochs"})),
        "optuna": Signature(("sampler", "pruner")),
    },
    Kind.SAMPLER: {"tpe": Signature(()), "random": Signature(())},
    Kind.PRUNER: {name: Signature(()) for name in ("none", "median", "successive_halving", "hyperband")},
}


class PlainCatalogue:
    """Signatures from a table, and a few of Keras's rules about values."""

    def names(self, kind: Kind) -> Sequence[str]:
        return tuple(NAMES[kind])

    def signature(self, kind: Kind, name: str) -> Signature:
        return NAMES[kind].get(name, Signature(("size",)))

    def problem(self, kind: Kind, name: str, arguments: Mapping[str, Any]) -> str | None:
        for key in ("filters", "units"):
            value = arguments.get(key, 1)
            if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 1:
                return f"{name} takes {key} from 1, not {value!r}."
        rate = arguments.get("rate", 0)
        if not isinstance(rate, int | float) or not 0 <= rate < 1:
            return f"{name} takes a rate from 0 to 1, not {rate!r}."
        if isinstance(arguments.get("strides"), int) and arguments["strides"] > arguments.get("kernel_size", 99):
            return f"{name} takes strides up to its kernel_size."
        if kind is Kind.TRAINER and isinstance(arguments.get("noise"), int | float) and arguments["noise"] < 0:
            return f"noise is {arguments['noise']}, but a number from 0 was expected."
        return None

    def model_problem(self, layers: Sequence[Any], facts: DataFacts) -> str | None:
        return "A model has at most 100 layers." if len(layers) > 100 else None

    def metric_name(self, metric: Any) -> str:
        if isinstance(metric, str):
            return metric.rpartition(":")[2]
        ((name, arguments),) = metric.items()
        return f"f1_{arguments['average']}" if name == "F1Score" and "average" in arguments else name.lower()

    def metric_direction(self, metric: str) -> str | None:
        stored = metric.removeprefix("val_")
        if stored in ("loss", "mean_squared_error"):
            return "minimize"
        return "maximize" if stored in ("accuracy", "f1_weighted") else None

    def data_facts(self, dataset: Mapping[str, Any]) -> DataFacts:
        if dataset["name"] == "npz":
            path = str(dataset["path"])
            if "missing" in path:
                raise DataError(f"There is no data file {path}: check dataset.path.")
            return DataFacts(3, (4, 4, 1), 60, own_validation="own" in path)
        sizes = {"digits": DataFacts(10, (8, 8, 1), 1437), "cifar10": DataFacts(10, (32, 32, 3), 50_000)}
        return sizes.get(dataset["name"], DataFacts(7, (5,), None))
