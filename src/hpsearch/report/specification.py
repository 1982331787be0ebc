"""A model's layers as lines that people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hpsearch.space.values import Plain
from hpsearch.wording import short

_INDENT = "    "


def layer_lines(layers: Sequence[Plain]) -> list[str]:
    """One line a layer: ``Conv2D  filters 64, kernel_size 3``; the layers of a residual stand indented below it."""
    return [line for layer in layers for line in _lines(layer)]


def _lines(layer: Plain, indent: str = "") -> Iterator[str]:
    if not isinstance(layer, Mapping):
        yield f"{indent}{short(layer)}"
        return
    for name, value in layer.items():
        if name == "residual" and isinstance(value, list | tuple):
            yield f"{indent}residual"
            for inner in value:
                yield from _lines(inner, indent + _INDENT)
        else:
            arguments = _arguments(value)
            yield f"{indent}{name}  {arguments}" if arguments else f"{indent}{name}"


def _arguments(value: Plain) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_nested(item)}" for name, item in value.items())
    return _nested(value)


def _nested(value: Plain) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_nested(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_nested, value)) + "]"
    return short(value)
