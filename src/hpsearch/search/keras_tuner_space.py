"""A space as Keras Tuner understands it.

Keras Tuner's own kinds lose what the language promises: a Choice holds one type and turns booleans into numbers, a
Float with a step can miss its maximum and says 0.30000000000000004. So every parameter with a grid or a list becomes an
Int over the places 0 .. n - 1 of its values, which draws exactly what Keras Tuner's own kind of the same size would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras_tuner
from keras.saving import register_keras_serializable
from keras_tuner.engine.hyperparameters import Float, Int
from keras_tuner.src.engine.conditions import Condition, Parent

from hpsearch.search.points import Places, holding
from hpsearch.space.parameters import Condition as SpaceCondition
from hpsearch.space.parameters import Parameter, ParameterKind, Scale
from hpsearch.study import Parameters


@register_keras_serializable("hpsearch")  # type: ignore[untyped-decorator, unused-ignore]  # Keras has no types
class Within(Condition):
    """Holds while the parent is active and lies between two bounds, both included; None is no bound.

    Registered, because Keras Tuner copies its parameters through their configuration.
    """

    def __init__(self, name: str, min: float | None, max: float | None) -> None:
        self.name, self.min, self.max = name, min, max

    def is_active(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition holds among the active `values` of a trial."""
        value = values.get(self.name)
        if value is None:
            return False
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Within) and self.get_config() == other.get_config()

    __hash__ = None  # type: ignore[assignment]  # equal by its configuration, as its base class

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"name": self.name, "min": self.min, "max": self.max}


def compile_space(parameters: Mapping[str, Parameter]) -> Any:
    """A `keras_tuner.HyperParameters` of the same names, in the same order, with the same conditions.

    Each parameter carries the conditions of all its ancestors, as Keras Tuner requires.
    """
    hyperparameters = keras_tuner.HyperParameters()
    chains: dict[str, list[Condition]] = {}
    for name, parameter in parameters.items():
        chain: list[Condition] = []
        for condition in parameter.when:
            chain += chains[condition.parent]
            chain.append(_condition(parameters[condition.parent], condition))
        chains[name] = chain
        hyperparameters.merge([_hyperparameter(parameter, chain)])
    hyperparameters.values = {}
    return hyperparameters


class Encoding:
    """Configurations of a space as values of the compiled one."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._places = {name: Places(parameter) for name, parameter in parameters.items() if _is_indexed(parameter)}

    def __call__(self, configuration: Parameters) -> dict[str, Any]:
        """A configuration as the values of the compiled space."""
        return {
            name: self._places[name][type(value), value] if name in self._places else value
            for name, value in configuration.items()
        }


def decode(parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> Parameters:
    """The configuration that values of the compiled space mean; Keras Tuner's own entries are left out."""
    return {
        name: parameter.value_at(values[name]) if _is_indexed(parameter) else _number(parameter, values[name])
        for name, parameter in parameters.items()
        if name in values
    }


def _is_indexed(parameter: Parameter) -> bool:
    return parameter.size is not None and parameter.scale is Scale.LINEAR


def _number(parameter: Parameter, value: Any) -> int | float:
    """A plain number within the bounds, which Keras Tuner passes by one (log int) or by rounding at probability 1."""
    assert parameter.min is not None
    assert parameter.max is not None
    bounded = min(max(value, parameter.min), parameter.max)
    return int(bounded) if parameter.kind is ParameterKind.INT else float(bounded)


def _hyperparameter(parameter: Parameter, conditions: list[Condition]) -> Int | Float:
    if _is_indexed(parameter):
        assert parameter.size is not None
        return Int(parameter.name, 0, parameter.size - 1, conditions=conditions)
    kind = Int if parameter.kind is ParameterKind.INT else Float
    return kind(parameter.name, parameter.min, parameter.max, sampling=parameter.scale.value, conditions=conditions)


def _condition(parent: Parameter, condition: SpaceCondition) -> Condition:
    if not _is_indexed(parent):
        if condition.values is not None:
            return Parent(parent.name, list(condition.values))
        return Within(parent.name, condition.min, condition.max)
    intervals = holding(parent, condition)
    if condition.values is None and len(intervals) == 1:
        start, end = intervals[0]
        return Within(parent.name, start, end - 1)
    places = [place for start, end in intervals for place in range(start, end)]
    return Parent(parent.name, places or [-1])  # -1: a condition that no value meets
