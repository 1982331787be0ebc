"""What decides a study's trials: its hash, and what differs between two of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from hpsearch.space.parameters import Parameter, Scale
from hpsearch.space.problems import show
from hpsearch.space.scopes import Vocabulary
from hpsearch.space.settings import SearchSettings
from hpsearch.space.values import Plain, json_form

_FREE_SEARCH_KEYS = ("max_trials", "iterations", "lag")  # may be raised later


def decisive(resolved: Mapping[str, Plain], vocabulary: Vocabulary, search: SearchSettings) -> dict[str, Plain]:
    """The part of a resolved space that decides trials, as JSON, with the data's path as it was written."""
    dataset = dict(resolved.get("dataset", {}))
    if "written_path" in dataset:
        dataset["path"] = dataset.pop("written_path")
    parameters = {name: _parameter(parameter) for name, parameter in vocabulary.parameters.items()}
    parts = {
        "seed": resolved["seed"],
        "dataset": dataset,
        "parameters": {**parameters, **vocabulary.constants},
        "order_of_parameters": list(vocabulary.parameters),  # they are drawn in it
        "model": resolved.get("model", []),
        "training": resolved["training"],
        "objective": resolved["objective"],
        "constraints": resolved.get("constraints", []),
        "search": {key: value for key, value in resolved["search"].items() if key not in _FREE_SEARCH_KEYS},
    }
    return {key: value if key == "dataset" else _canonical(json_form(value)) for key, value in parts.items()}


def digest(parts: Mapping[str, Plain]) -> str:
    """SHA-256 of the canonical JSON of `parts`, as hexadecimal digits."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def difference(old: Mapping[str, Plain], new: Mapping[str, Plain]) -> list[str]:
    """One line for each key path at which two decisive parts differ: ``parameters.dropout.max: was 0.5, is 0.6``."""
    lines = list(_differences("", old, new))
    moved = [line for line in lines if line.startswith("order_of_parameters")]
    others = [line for line in lines if line not in moved]
    if moved and not any(line.startswith("parameters") for line in others):
        others.append("parameters: the same ones, in another order")
    return others


def _differences(path: str, old: Plain, new: Plain) -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        lines = []
        for key in [*old, *(key for key in new if key not in old)]:
            inner = f"{path}.{key}" if path else str(key)
            if key not in new:
                lines.append(f"{inner}: was {show(old[key])}, is gone")
            elif key not in old:
                lines.append(f"{inner}: is new, {show(new[key])}")
            else:
                lines += _differences(inner, old[key], new[key])
        return lines
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            line
            for n, (left, right) in enumerate(zip(old, new, strict=True))
            for line in _differences(f"{path}[{n}]", left, right)
        ]
    return [] if old == new and type(old) is type(new) else [f"{path}: was {show(old)}, is {show(new)}"]


def _parameter(parameter: Parameter) -> dict[str, Plain]:
    found: dict[str, Plain] = {"type": parameter.kind.value}
    for key in ("min", "max", "step"):
        if (value := getattr(parameter, key)) is not None:
            found[key] = value
    if parameter.scale is not Scale.LINEAR:
        found["scale"] = parameter.scale.value
    if parameter.values:
        found["values"] = list(parameter.values)
    if parameter.when:
        found["when"] = [
            {
                "parent": condition.parent,
                **({"values": list(condition.values)} if condition.values is not None else {}),
                **({"min": condition.min} if condition.min is not None else {}),
                **({"max": condition.max} if condition.max is not None else {}),
            }
            for condition in parameter.when
        ]
    return found


def _canonical(tree: Plain) -> Plain:
    """1.0 as 1, so that one number has one form."""
    if isinstance(tree, dict):
        return {key: _canonical(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_canonical(value) for value in tree]
    return int(tree) if isinstance(tree, float) and tree.is_integer() and abs(tree) < 2**53 else tree
