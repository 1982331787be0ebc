"""A space that has been read and checked: what a study searches, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from hpsearch.errors import BuildError
from hpsearch.space import identity
from hpsearch.space.catalogue import DataFacts
from hpsearch.space.checking import Fault
from hpsearch.space.configuration import Configuration
from hpsearch.space.expressions import ExpressionError, parse_comparison
from hpsearch.space.given import mistakes_in
from hpsearch.space.layers import Expansion
from hpsearch.space.parameters import Parameter
from hpsearch.space.references import ABSENT, Names, Unresolvable, resolve
from hpsearch.space.retraining import TRAINING_KEYS, changed_training
from hpsearch.space.scopes import Vocabulary, holds
from hpsearch.space.settings import Limits, RetrainSettings, SearchSettings
from hpsearch.space.training_settings import (
    KEYS,
    OFF_BY_DEFAULT,
    WATCHING,
    SettingRules,
    horizon_faults,
    is_off,
    share_or_count_faults,
)
from hpsearch.space.values import Plain, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Objective:
    """The metric that is optimised, by its stored name, and ``maximize`` or ``minimize``."""

    metric: str
    direction: str


@dataclass(frozen=True)
class Space:
    """A study's file, checked: two spaces are equal when their resolved forms are.

    Attributes:
        yaml: the text as given; YAML made from it where a mapping was given.
        resolved: the whole document with defaults, overrides and absolute paths; plain JSON that `load` takes, giving
            an equal space. The order of its keys has a meaning: parameters are drawn in it.
        name: of the study.
        seed: of the study.
        trainer: ``keras`` or ``simulated``.
        parameters: families expanded, parents before children, otherwise in the file's order.
        constants: names that are not searched.
        facts: what the language knows of the data set; None where there is none.
        epochs: a trial's full budget.
        uses_custom: whether a ``module:name`` stands anywhere, which imports code of one's own.
    """

    yaml: str = field(compare=False, repr=False)
    resolved: Mapping[str, Plain]
    name: str = field(compare=False)
    description: str = field(compare=False)
    seed: int = field(compare=False)
    trainer: str = field(compare=False)
    objective: Objective = field(compare=False)
    search: SearchSettings = field(compare=False)
    limits: Limits = field(compare=False)
    retrain: RetrainSettings = field(compare=False)
    facts: DataFacts | None = field(compare=False)
    epochs: int = field(compare=False)
    uses_custom: bool = field(compare=False)
    vocabulary: Vocabulary = field(compare=False, repr=False)
    rules: SettingRules = field(compare=False, repr=False)

    __hash__ = None  # type: ignore[assignment]  # equal by content that can be changed

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The searched parameters by name."""
        return self.vocabulary.parameters

    @property
    def constants(self) -> Mapping[str, Scalar]:
        """The constants by name."""
        return self.vocabulary.constants

    @cached_property
    def decisive(self) -> Mapping[str, Plain]:
        """What decides trials, in a form that does not depend on how it was written; `hash` covers it."""
        return identity.decisive(self.resolved, self.vocabulary, self.search)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of `decisive`, as hexadecimal digits."""
        return identity.digest(self.decisive)

    def active(self, parameters: Mapping[str, Plain]) -> tuple[str, ...]:
        """The names of the parameters that are active given these values, in the space's order."""
        names: list[str] = []
        values: dict[str, Plain] = {}  # of active ones alone: what hangs on an inactive parameter is inactive
        for name, parameter in self.parameters.items():
            if all(holds(condition, values) for condition in parameter.when):
                names.append(name)
                if name in parameters:
                    values[name] = parameters[name]
        return tuple(names)

    def check(self, parameters: Mapping[str, Plain]) -> list[str]:
        """What is wrong with a configuration that should name exactly the active parameters, with legal values."""
        return [message for _, message in mistakes_in(parameters, self.parameters)]

    def configuration(self, parameters: Mapping[str, Plain]) -> Configuration:
        """A trial's data, layers and training with everything resolved.

        Raises:
            BuildError: this combination of values cannot be resolved; one sentence.
        """
        names = self._names(parameters)
        training = self._training(self.resolved["training"], names, self._epochs(names), parameters)
        keep = self._keep(names)
        return Configuration(self._dataset(names), self._layers(names), training, keep)

    def layers(self, parameters: Mapping[str, Plain]) -> tuple[Plain, ...]:
        """A trial's layers alone.

        Raises:
            BuildError: this combination of values cannot be resolved; one sentence.
        """
        return self._layers(self._names(parameters))

    def retrain_configuration(self, parameters: Mapping[str, Plain], best_epoch: int | None = None) -> Configuration:
        """The configuration of the final training: `retrain`'s keys in the place of `training`'s.

        Args:
            parameters: the winner's.
            best_epoch: the epoch with its best objective, for ``validation: none`` without `epochs`.

        Raises:
            BuildError: this combination of values cannot be resolved; one sentence.
        """
        names = self._names(parameters)
        section = self.resolved["retrain"]
        without_validation = self._value(section.get("validation", "keep"), names) in (None, "none")
        epochs = self._value(section["epochs"], names) if "epochs" in section else self._epochs(names)
        if without_validation and "epochs" not in section and best_epoch is not None:
            epochs = best_epoch
        tree = changed_training(self.resolved["training"], section)
        training = self._training(tree, names, epochs, parameters)
        dataset = dict(self._dataset(names))
        if without_validation:
            dataset["validation"] = None
            for key in WATCHING:
                if key in training and str(training[key]["monitor"]).startswith("val_"):
                    del training[key]
        snapshots = self._value(section.get("snapshots"), names)
        if not is_off(snapshots):
            training["snapshots"] = {"combine": "mean", **snapshots}
        return Configuration(dataset, self._layers(names), training, self._keep(names))

    def broken_constraint(self, parameters: Mapping[str, Plain], model_parameters: int) -> str | None:
        """The first constraint that these parameters and this size of the model break; None where they keep all.

        A constraint over an inactive parameter is not applied.

        Raises:
            BuildError: a constraint has no value here, as after a division by zero.
        """
        names = {**self._names(parameters), "model_parameters": model_parameters}
        for text in self.resolved.get("constraints", ()):
            constraint = parse_comparison(text)
            if any(names[name] is ABSENT for name in constraint.names):
                continue
            try:
                if not constraint.value(names):
                    return str(text)
            except ExpressionError as error:
                raise BuildError(f"The constraint `{text}` has no value: {error}.") from None
        return None

    def smoke(self) -> Space:
        """This space cut down to find out whether it runs at all.

        2 trials and a retraining of 1 epoch each, without schedules, on 500 images but at least 10 a class. Hyperband,
        whose plan has no such size, becomes random.
        """
        from hpsearch.space.smoke import smoke

        return smoke(self)

    def epochs_of(self, parameters: Mapping[str, Plain]) -> int:
        """The full budget of a trial with these parameters; `epochs` is the largest of all.

        Raises:
            BuildError: `training.epochs` has no value here; one sentence.
        """
        return self._epochs(self._names(parameters))

    # How a configuration is put together -----------------------------------------------------------------------------

    def _names(self, parameters: Mapping[str, Plain]) -> dict[str, Plain]:
        inactive = dict.fromkeys(self.parameters, ABSENT)
        return {**self.vocabulary.fixed(), **inactive, **parameters}

    def _epochs(self, names: Names) -> int:
        written = self.resolved["training"].get("epochs", self.epochs)  # hyperband's budget stands in `search`
        epochs = self._value(written, names)
        _refuse(self.rules.faults("epochs", epochs))
        return int(epochs)

    def _value(self, tree: Plain, names: Names) -> Plain:
        try:
            return resolve(tree, names)
        except Unresolvable as error:
            raise BuildError(f"{error}.") from None

    def _dataset(self, names: Names) -> Mapping[str, Plain]:
        dataset = {key: value for key, value in self.resolved.get("dataset", {}).items() if key != "written_path"}
        if "train_subset" in dataset:
            subset = self._value(dataset.pop("train_subset"), names)
            if not is_off(subset):
                _refuse(share_or_count_faults("train_subset", subset))
                dataset["train_subset"] = subset
        return dataset

    def _layers(self, names: Names) -> tuple[Plain, ...]:
        if "model" not in self.resolved or self.trainer == "simulated":
            return ()
        expansion = Expansion(self.rules.catalogue, self.vocabulary.families, self.constants)
        try:
            return tuple(expansion.layers(self.resolved["model"], names))
        except Unresolvable as error:
            raise BuildError(f"{error}.") from None

    def _training(
        self, tree: Mapping[str, Plain], names: Names, epochs: Plain, parameters: Mapping[str, Plain]
    ) -> dict[str, Plain]:
        values = {key: self._value(value, names) for key, value in tree.items()}
        values["epochs"] = epochs
        training: dict[str, Plain] = {"trainer": self.trainer}
        for key in KEYS:
            if key not in values or values[key] is ABSENT or (key in OFF_BY_DEFAULT and is_off(values[key])):
                continue
            _refuse(self.rules.faults(key, values[key]))
            training[key] = self.rules.normal(key, values[key], self.objective.metric)
        if self.trainer == "simulated":
            own = {key: value for key, value in values.items() if key not in TRAINING_KEYS and value is not ABSENT}
            training |= {**own, "parameters": dict(parameters)}
        else:
            training.setdefault("batch_size", 32)
            training.setdefault("metrics", ["accuracy"])
        _refuse(horizon_faults(training))
        return training

    def _keep(self, names: Names) -> Plain:
        """Which weights are kept: as written; else the best, or the last where there is nothing to choose by."""
        section = self.resolved["retrain"]
        without_validation = self._value(section.get("validation", "keep"), names) in (None, "none")
        if "snapshots" in section and not is_off(self._value(section["snapshots"], names)):
            return "last"
        written = self._value(section.get("keep", ABSENT), names) if "keep" in section else ABSENT
        if written is ABSENT:
            return "last" if without_validation else "best"
        return written


def _refuse(faults: Iterable[Fault]) -> None:
    for fault in faults:
        raise BuildError(fault.message if fault.message.endswith((".", "?")) else f"{fault.message}.")
