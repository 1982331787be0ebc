"""Plain values of the language, when two of them are equal, and numbers written as text."""

from __future__ import annotations

import math
import re
from typing import Any, TypeGuard

Scalar = str | int | float | bool | None
Plain = Any  # None, bool, int, float, str, lists and string-keyed mappings of them: what JSON can say
Section = dict[str, Plain]  # a mapping in a space file


class Pairs(list[Any]):
    """A mapping with keys that are no text, as [key, value] lists: YAML has such keys, JSON has not."""


class Broken:
    """Stands for a value whose mistake has been reported, so that nothing follows from it."""


BROKEN = Broken()

_NUMBER = r"[-+]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_FRACTION = re.compile(rf"\s*({_NUMBER})\s*/\s*({_NUMBER})\s*")
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([smh])\s*")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def equal(left: Scalar, right: Scalar) -> bool:
    """Whether kind (text, number, boolean, null) and value are the same: 1 is 1.0, 1 is not true, "3" is not 3."""
    return kind_of(left) == kind_of(right) and left == right


def kind_of(value: Scalar) -> str:
    """``text``, ``number``, ``boolean`` or ``null``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def is_scalar(value: Plain) -> bool:
    """Whether `value` is one text, number, boolean or null."""
    return value is None or isinstance(value, str | int | float)


def is_number(value: Plain) -> TypeGuard[int | float]:
    """Whether `value` is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


MOST_COUNT = 10**9  # of epochs, trials, images of a batch, ...: what no study reaches, and every database holds


def is_whole(value: Plain) -> TypeGuard[int | float]:
    """Whether `value` is a whole number, 3.0 included."""
    return is_number(value) and value == int(value)


def as_number(value: Plain) -> Plain:
    """`value`, or the number that a fraction such as ``1/6`` stands for; a division by zero stays text."""
    if not isinstance(value, str) or (match := _FRACTION.fullmatch(value)) is None:
        return value
    above, below = (float(part.replace("_", "")) for part in match.groups())
    if below == 0 or not math.isfinite(above / below):
        return value
    return above / below


def seconds_of(value: Plain) -> float | None:
    """Seconds of a duration such as ``90s``, ``10m`` or ``2h``; None where `value` is none."""
    if not isinstance(value, str) or (match := _DURATION.fullmatch(value)) is None:
        return None
    return float(match[1]) * _SECONDS[match[2]]


def contains_broken(tree: Plain) -> bool:
    """Whether a reported mistake stands anywhere in `tree`."""
    if isinstance(tree, dict):
        return any(map(contains_broken, tree.values()))
    return any(map(contains_broken, tree)) if isinstance(tree, list) else isinstance(tree, Broken)


def json_form(tree: Plain) -> Plain:
    """A copy that JSON can say; mappings whose keys are no text become lists of [key, value]."""
    if isinstance(tree, dict):
        return {key: json_form(value) for key, value in tree.items()}
    return [json_form(value) for value in tree] if isinstance(tree, list | tuple) else tree
