"""Values that a person gives for the parameters: are they a configuration?"""

from __future__ import annotations

from collections.abc import Mapping

from hpsearch.space.parameters import Parameter
from hpsearch.space.problems import did_you_mean, show
from hpsearch.space.scopes import holds
from hpsearch.space.values import Plain, Scalar, is_scalar


def canonical(parameter: Parameter, value: Scalar) -> Scalar:
    """A legal value in the type that the parameter itself gives it: 3.0 is 3 for an int."""
    if parameter.size is not None:
        return parameter.value_at(parameter.index_of(value))
    return float(value) if isinstance(value, int | float) else value


def mistakes_in(values: Mapping[str, Plain], parameters: Mapping[str, Parameter]) -> list[tuple[tuple[str, ...], str]]:
    """What is wrong with a configuration: which key, and one sentence; it names exactly the active parameters."""
    found: list[tuple[tuple[str, ...], str]] = []
    meant = set()
    for name in values:
        if name not in parameters:
            suggestion = did_you_mean(name, [other for other in parameters if other not in values])
            meant.add(suggestion.partition("`")[2].rstrip("`?"))
            found.append(((name,), f"There is no parameter `{name}`{suggestion}"))
    illegal = {
        name
        for name, parameter in parameters.items()
        if name in values and not (is_scalar(values[name]) and parameter.contains(values[name]))
    }
    for name, parameter in parameters.items():
        unsure = any(condition.parent in illegal or condition.parent not in values for condition in parameter.when)
        active = all(condition.parent in values and holds(condition, values) for condition in parameter.when)
        if name in illegal:
            found.append(((name,), f"`{name}` cannot be {show(values[name])}."))
        elif name in values and not active and not any(c.parent in illegal for c in parameter.when):
            condition = next(c for c in parameter.when if c.parent not in values or not holds(c, values))
            because = (
                f"`{condition.parent}` is {show(values[condition.parent])}"
                if condition.parent in values
                else f"`{condition.parent}` is not there"
            )
            found.append(((name,), f"`{name}` is inactive here, since {because}; leave it out."))
        elif name not in values and active and not unsure and name not in meant:
            found.append(((), f"`{name}` is missing from this configuration; every active parameter needs a value."))
    return found
