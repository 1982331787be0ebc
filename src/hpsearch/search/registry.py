"""Who can propose: the search backends, samplers and pruners by the names that a space file uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from hpsearch.errors import BackendMissing
from hpsearch.search.backend import SearchBackend
from hpsearch.space.catalogue import Kind, Signature
from hpsearch.space.parameters import Parameter
from hpsearch.space.settings import SearchSettings
from hpsearch.space.values import Plain
from hpsearch.study import Objective, Order

# name -> factory(parameters, settings, objective, epochs, seed) -> SearchBackend
BACKENDS: dict[str, str] = {
    "random": "hpsearch.search.keras_tuner:random",
    "grid": "hpsearch.search.grid:grid",
    "hyperband": "hpsearch.search.keras_tuner:hyperband",
    "bayesian": "hpsearch.search.keras_tuner:bayesian",
    "optuna": "hpsearch.search.optuna:backend",
}

# name -> factory(seed) -> ReseededSampler
SAMPLERS: dict[str, str] = {
    "tpe": "hpsearch.search.optuna_samplers:tpe_sampler",
    "random": "hpsearch.search.optuna_samplers:random_sampler",
}

# name -> factory(epochs) -> optuna.pruners.BasePruner
PRUNERS: dict[str, str] = {
    "none": "hpsearch.search.optuna:no_pruner",
    "median": "hpsearch.search.optuna:median_pruner",
    "successive_halving": "hpsearch.search.optuna:successive_halving_pruner",
    "hyperband": "hpsearch.search.optuna:hyperband_pruner",
}


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """An argument that is a whole number from `least`; required where it has no default."""

    least: int
    default: int | None = None

    def problem(self, name: str, value: Plain) -> str | None:
        """One sentence where `value` does not fit."""
        is_whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
        if is_whole and value >= self.least:
            return None
        return f"{name} is {value!r}; expected a whole number from {self.least}"


@dataclass(frozen=True, slots=True)
class Named:
    """An argument that is one of the names of a registry."""

    registry: Mapping[str, str]
    default: str

    def problem(self, name: str, value: Plain) -> str | None:
        """One sentence where `value` is no such name."""
        if isinstance(value, str) and value in self.registry:
            return None
        nearest = get_close_matches(str(value), self.registry, n=1)
        hint = f" (did you mean {nearest[0]}?)" if nearest else ""
        return f"{name} is {value!r}; expected one of {', '.join(self.registry)}{hint}"


# A backend's own keys; one that is not listed here has none.
ARGUMENTS: dict[str, Mapping[str, WholeNumber | Named]] = {
    "hyperband": {
        "max_epochs": WholeNumber(1),
        "factor": WholeNumber(2, default=3),
        "iterations": WholeNumber(1, default=1),
    },
    "optuna": {"sampler": Named(SAMPLERS, default="tpe"), "pruner": Named(PRUNERS, default="none")},
}

_NAMES: Mapping[Kind, Mapping[str, str]] = {Kind.BACKEND: BACKENDS, Kind.SAMPLER: SAMPLERS, Kind.PRUNER: PRUNERS}


def names(kind: Kind) -> Sequence[str]:
    """All names of a kind: backends, samplers or pruners."""
    return tuple(_NAMES[kind])


def signature(kind: Kind, name: str) -> Signature:
    """The arguments of a backend beyond those that every backend takes; samplers and pruners have none."""
    arguments = _arguments(kind, name)
    required = frozenset(argument for argument, rule in arguments.items() if rule.default is None)
    return Signature(tuple(arguments), required)


def problem(kind: Kind, name: str, arguments: Mapping[str, Plain]) -> str | None:
    """One sentence about the first argument that does not fit, else None; arguments of others are passed by."""
    for argument, rule in _arguments(kind, name).items():
        if argument in arguments:
            found = rule.problem(argument, arguments[argument])
            if found is not None:
                return found
        elif rule.default is None:
            return f"{name} needs {argument}"
    return None


def defaults(backend: str) -> dict[str, Plain]:
    """The backend's own arguments that have a default, with it."""
    return {name: rule.default for name, rule in _arguments(Kind.BACKEND, backend).items() if rule.default is not None}


def default_order(settings: SearchSettings) -> Order:
    """The order of telling where the settings leave it out.

    By number, so that the table depends on nothing but file, seed and lag. With a pruner as finished: verdicts that may
    use only what was known at the proposal stop so little that the search takes up to 2.7 times as long.
    """
    prunes = settings.arguments.get("pruner", "none") != "none"
    return Order.FINISHED if prunes else Order.NUMBER


def make_backend(
    parameters: Mapping[str, Parameter], settings: SearchSettings, objective: Objective, epochs: int, seed: int
) -> SearchBackend:
    """The search backend of a study, fresh; `restore` gives it the past.

    A space without parameters is a grid of one point, whatever backend is named.

    Args:
        parameters: of the space, a parent before its children.
        settings: the `search` section with defaults.
        objective: metric and direction.
        epochs: full budget of a trial.
        seed: the study's; 0 is a seed like any other.
    """
    name = settings.backend if parameters else "grid"
    backend: SearchBackend = resolve(BACKENDS[name])(parameters, settings, objective, epochs, seed)
    return backend


def resolve(reference: str) -> Callable[..., Any]:
    """The object that ``module:attribute`` names; BackendMissing where its library is not installed."""
    module, attribute = reference.split(":")
    try:
        found: Callable[..., Any] = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or "." in error.name:  # a package is there, a module of it is not: our mistake
            raise
        raise BackendMissing(f"{reference} needs the Python package {error.name}, which is not installed.") from error
    return found


def _arguments(kind: Kind, name: str) -> Mapping[str, WholeNumber | Named]:
    return ARGUMENTS.get(name, {}) if kind is Kind.BACKEND else {}
