"""What the language may name of Keras, of the data sets and of the trainers: names, signatures, what cannot be made.

Nothing is listed here that Keras can be asked for. Keras is imported at the first question that needs it; in the
coordinator it runs on its NumPy backend.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hpsearch.errors import BuildError, ConfigError
from hpsearch.lean import lean_keras
from hpsearch.space.catalogue import DataFacts, Kind, Signature
from hpsearch.space.configuration import Configuration
from hpsearch.space.problems import show
from hpsearch.space.reading import plain_scalar
from hpsearch.space.values import Plain, is_number, json_form
from hpsearch.training import datasets
from hpsearch.training.datasets import DATASETS, checking
from hpsearch.training.datasets.registry import SETTINGS
from hpsearch.training.registry import TRAINERS

if TYPE_CHECKING:
    from types import ModuleType

_DATASET_SETTINGS = ("name", "validation", "train_subset", "rescale")
_REQUIRED_SETTINGS = {"npz": frozenset({"path"}), "images": frozenset({"path", "size"})}
_REGULARIZERS = ("l1", "l2", "l1_l2", "L1", "L2", "L1L2")
# Arguments of Keras that have no meaning here: what they would do is said elsewhere, or printed.
_NOT_OURS = {
    Kind.OPTIMIZER: frozenset({"name"}),  # the key that names the optimizer itself
    Kind.LOSS: frozenset({"name"}),
    Kind.METRIC: frozenset({"name"}),  # metrics are stored under their documented names
    Kind.EARLY_STOPPING: frozenset({"verbose"}),
    Kind.REDUCE_ON_PLATEAU: frozenset({"verbose"}),
}
# Words that Keras itself checks only when data pass through.
_WORDS = {
    "padding": ("valid", "same", "causal"),
    "mode": ("horizontal", "vertical", "horizontal_and_vertical"),  # of RandomFlip
}
_SMALLER_IS_BETTER = re.compile(r"(error|loss|crossentropy|divergence|hinge|poisson|entropy|false_\w+)$")
_OUR_SCORES = re.compile(r"accuracy|f1(_weighted|_macro|_micro)?|top_\d+_accuracy")


class KerasCatalogue:
    """The kinds of names that Keras, the data sets and the trainers know (`hpsearch.space.catalogue.Catalogue`)."""

    def __init__(self, data_dir: str | None = None, *, custom: bool = True) -> None:
        """`data_dir` is where ``NAME.npz`` data sets lie; `custom`, whether ``module:name`` may be imported."""
        self._data_dir = data_dir
        self._custom = custom
        self._facts: dict[str, DataFacts] = {}
        self._problems: dict[str, str | None] = {}  # a layer of one kind is often made many times in one file

    def names(self, kind: Kind) -> Sequence[str]:
        """All valid names of `kind`."""
        match kind:
            case Kind.DATASET:
                return tuple(DATASETS)
            case Kind.TRAINER:
                return tuple(TRAINERS)
            case Kind.REGULARIZER:
                return _REGULARIZERS
            case Kind.EARLY_STOPPING | Kind.REDUCE_ON_PLATEAU:
                return ("",)
            case Kind.METRIC:
                return (*_keras_names().DOCUMENTED_METRICS, *_table(kind))
        return tuple(_table(kind))

    def signature(self, kind: Kind, name: str) -> Signature:
        """The arguments of `name`; none for a ``module:name`` that cannot be imported, of which `problem` tells.

        Raises:
            ConfigError: `name` is neither one of `names(kind)` nor a ``module:name``.
        """
        match kind:
            case Kind.DATASET:
                settings = (*_DATASET_SETTINGS, *SETTINGS.get(name, ("test",)))
                return Signature(settings, _REQUIRED_SETTINGS.get(name, frozenset()))
            case Kind.TRAINER:
                return _trainer_signature(name)
            case Kind.REGULARIZER:
                return Signature(("l1", "l2"))
            case Kind.ACTIVATION if ":" not in name:
                return Signature(_layer_calls().activation_arguments(name))
        try:
            found = self._found(kind, name)
        except ConfigError:
            if ":" in name:
                return Signature(())
            raise
        signature: Signature = _layer_calls().signature_of(found)
        left_out = _NOT_OURS.get(kind, frozenset())
        if kind in (Kind.LOSS, Kind.METRIC) and not isinstance(found, type):
            left_out |= frozenset(signature.arguments[:2])  # of a function of one's own: labels and predictions
        arguments = tuple(argument for argument in signature.arguments if argument not in left_out)
        return Signature(arguments, signature.required - left_out)

    def problem(self, kind: Kind, name: str, arguments: Mapping[str, Plain]) -> str | None:
        """One sentence where `name` with these resolved arguments cannot be made, else None."""
        key = json.dumps([kind, name, json_form(arguments)], sort_keys=True)
        if key not in self._problems:
            self._problems[key] = self._problem(kind, name, arguments)
        return self._problems[key]

    def _problem(self, kind: Kind, name: str, arguments: Mapping[str, Plain]) -> str | None:
        if kind is Kind.LAYER and name in ("Input", "InputLayer"):
            return f"{name} is added by itself: the data say what shape it has."
        if kind is Kind.DATASET:
            return checking.problem({**arguments, "name": name})
        try:
            self._check_kinds(kind, name, arguments)
            self._make(kind, name, arguments)
        except (ConfigError, BuildError) as error:
            return str(error)
        except Exception as error:  # whatever the constructor of a layer, a metric, ... raises
            what = name or {Kind.EARLY_STOPPING: "early_stopping"}.get(kind, "reduce_on_plateau")
            # what Keras's own sentences show as if it were a number
            odd = {key: value for key, value in arguments.items() if value is None or _reads_as_number(value)}
            given = f" with {show(odd)}" if odd else ""
            return f"{what} cannot be made{given}: {_layer_calls().first_line(error)}"
        return None

    def model_problem(self, layers: Sequence[Plain], facts: DataFacts) -> str | None:
        """One sentence where no model can be built of these resolved layers for these data, else None."""
        paper = _keras_room("paper")
        try:
            paper.count_parameters(Configuration({}, tuple(layers), {}), facts, custom=self._custom)
        except BuildError as error:
            return str(error)
        return None

    def metric_name(self, metric: Plain) -> str:
        """The documented name under which a metric is stored: ``f1_weighted`` for ``{F1Score: {average: weighted}}``.

        Raises:
            ConfigError: there is no such metric.
        """
        if isinstance(metric, str) and _OUR_SCORES.fullmatch(metric):
            return metric
        try:
            return str(_keras_room("losses_metrics").metric_name(metric))
        except ValueError as error:
            raise ConfigError(f"There is no metric {metric!r}: {error}.") from error

    def metric_direction(self, metric: str) -> str | None:
        """``maximize`` or ``minimize`` for a stored name with or without ``val_``; None for a metric of one's own."""
        stored = metric.removeprefix("val_")
        if stored == "loss":
            return "minimize"
        if _OUR_SCORES.fullmatch(stored):
            return "maximize"
        if stored not in {self.metric_name(name) for name in _table(Kind.METRIC)}:
            return None
        return "minimize" if _SMALLER_IS_BETTER.search(stored) else "maximize"

    def data_facts(self, dataset: Mapping[str, Plain]) -> DataFacts:
        """Classes and shape of a data set (resolved settings). Raises DataError with one sentence."""
        key = json.dumps(dict(dataset), sort_keys=True)
        if key not in self._facts:
            self._facts[key] = datasets.facts(dataset, self._data_dir, custom=self._custom)
        return self._facts[key]

    def _found(self, kind: Kind, name: str) -> Any:
        """The class or function of that name. Raises ConfigError."""
        if ":" in name:
            if not self._custom:
                raise ConfigError(f"{name} may only be named in a file given on the command line.")
            try:
                return _layer_calls().load(name)
            except ValueError as error:
                raise ConfigError(f"{error}.") from error
        if kind is Kind.METRIC and _OUR_SCORES.fullmatch(name):
            return _keras_names().metric_of(name)
        table = _table(kind)
        if name not in table:
            raise ConfigError(f"Keras has no {kind.value} {name}.")
        return table[name]

    def _check_kinds(self, kind: Kind, name: str, arguments: Mapping[str, Plain]) -> None:
        """Raises ConfigError where Keras's default is a number or a truth value and what is given is none."""
        if ":" in name or kind in (Kind.TRAINER, Kind.REGULARIZER):
            return
        defaults = _layer_calls().defaults_of(self._found(kind, name))
        for key, value in arguments.items():
            default = defaults.get(key)
            if isinstance(default, bool):
                fits, wanted = isinstance(value, bool | None), "true or false"
            else:
                numeric = isinstance(default, int | float)
                numeric |= default is None and key != "name" and _reads_as_number(value)
                fits, wanted = not (numeric and isinstance(value, str | bool)), "a number"
            if not fits:
                raise ConfigError(f"`{key}` is {show(value)}, but {wanted} was expected.")

    def _make(self, kind: Kind, name: str, arguments: Mapping[str, Plain]) -> None:
        """Make the thing and drop it. Raises what its constructor raises."""
        match kind:
            case Kind.TRAINER:
                _check_trainer(name, arguments)
            case Kind.LAYER:
                _make_layer(name, arguments, custom=self._custom)
            case Kind.ACTIVATION:
                _make_layer("Activation", {"activation": name, **arguments}, custom=self._custom)
            case Kind.REGULARIZER:
                _keras_room("building").regularizer(arguments)
            case Kind.AUGMENTATION:
                self._found(kind, name)
                _check_words(name, arguments)
                augmentation = _keras_room("augmentation")
                augmentation.make_augmentation([{name: dict(arguments)}], (0.0, 255.0), custom=self._custom)
            case Kind.METRIC if ":" not in name:
                self._found(kind, name)
                if name in ("F1Score", "FBetaScore") and arguments.get("average") is None:
                    raise ConfigError(f"{name} needs `average`, macro, micro or weighted, to be one number.")
                _keras_room("losses_metrics").make_metric({name: dict(arguments)}, "made")
            case Kind.EARLY_STOPPING | Kind.REDUCE_ON_PLATEAU:
                _check_callback(arguments)
                self._found(kind, name)(**arguments)
            case Kind.OPTIMIZER:
                _check_rate(arguments)
                self._found(kind, name)(**{key: value for key, value in arguments.items() if key != "name"})
            case _:
                made = self._found(kind, name)
                if isinstance(made, type):
                    made(**arguments)


def _keras_room(name: str) -> ModuleType:
    """A module of `training` that stands on Keras; the first one loads it."""
    with lean_keras():
        return importlib.import_module(f"hpsearch.training.{name}")


def _layer_calls() -> ModuleType:
    return _keras_room("layer_calls")


def _keras_names() -> ModuleType:
    return _keras_room("keras_names")


def _table(kind: Kind) -> Mapping[str, Any]:
    """Name -> class or function of Keras."""
    names = _keras_names()
    match kind:
        case Kind.EARLY_STOPPING:
            return {"": names.keras.callbacks.EarlyStopping}
        case Kind.REDUCE_ON_PLATEAU:
            return {"": names.keras.callbacks.ReduceLROnPlateau}
    tables = {
        Kind.LAYER: names.layers,
        Kind.AUGMENTATION: names.augmentations,
        Kind.OPTIMIZER: names.optimizers,
        Kind.LOSS: names.losses,
        Kind.METRIC: names.metrics,
        Kind.ACTIVATION: names.activations,
    }
    if kind not in tables:
        raise LookupError(f"Names of the kind {kind.value} belong to another room.")
    table: Mapping[str, Any] = tables[kind]()
    return table


def _make_layer(name: str, arguments: Mapping[str, Plain], *, custom: bool) -> None:
    if (
        name in ("LeakyReLU", "Activation")
        and "alpha" in arguments
        and arguments.get("activation") in (None, "leaky_relu")
    ):
        raise ConfigError("leaky_relu takes no alpha: Keras 3 says negative_slope.")
    _check_words(name, arguments)
    calls, building = _layer_calls(), _keras_room("building")
    call = calls.layer_call(name, arguments, custom=custom)
    if call.layer is not None:
        building.Builder(custom=custom).layer(call.name, call.layer, call.arguments)
    else:
        building.Builder(custom=custom).apply([{name: arguments}], building.keras.Input((4,)))


def _reads_as_number(value: Plain) -> bool:
    """Whether `value` is text that would be a number without its quotes."""
    return isinstance(value, str) and is_number(plain_scalar(value))


def _check_words(name: str, arguments: Mapping[str, Plain]) -> None:
    """Raises ConfigError for a misspelt word that would fail in the worker only."""
    for key, words in _WORDS.items():
        if (
            (name == "RandomFlip" or key == "padding")
            and isinstance(word := arguments.get(key), str)
            and word not in words
        ):
            raise ConfigError(f"{name} takes {key} {', '.join(words)}, not {word!r}.")


def _check_rate(arguments: Mapping[str, Plain]) -> None:
    """Keras takes any learning rate, a negative one too. Raises ConfigError."""
    rate = arguments.get("learning_rate", 1.0)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not rate > 0:
        raise ConfigError(f"learning_rate is {show(rate)}, but a number above 0 was expected.")


def _check_callback(arguments: Mapping[str, Plain]) -> None:
    """What Keras's callbacks take without a word. Raises ConfigError."""
    if arguments.get("mode", "auto") not in ("auto", "min", "max"):
        raise ConfigError(f"mode is {arguments['mode']!r}, but auto, min or max was expected.")
    for key in ("patience", "cooldown", "start_from_epoch"):
        count = arguments.get(key, 0)
        if isinstance(count, bool) or not isinstance(count, int | float) or count < 0 or count != int(count):
            raise ConfigError(f"{key} is {count!r}, but a whole number of epochs from 0 was expected.")


def _trainer_signature(name: str) -> Signature:
    return getattr(_trainer_module(name), "SIGNATURE", Signature(()))


def _check_trainer(name: str, arguments: Mapping[str, Plain]) -> None:
    check = getattr(_trainer_module(name), "problem", None)
    if check is not None and (found := check(arguments)) is not None:
        raise ConfigError(found)


def _trainer_module(name: str) -> ModuleType | None:
    """The module of a trainer that has settings of its own; ``keras``, which loads TensorFlow, has none."""
    if name not in TRAINERS:
        raise ConfigError(f"There is no trainer {name}; there are {', '.join(TRAINERS)}.")
    return None if name == "keras" else importlib.import_module(TRAINERS[name].partition(":")[0])
