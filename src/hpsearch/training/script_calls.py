"""Calls of Keras's classes as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpsearch.space.values import Plain

_MODULES = ("layers", "optimizers", "losses", "metrics", "callbacks", "regularizers")


def name_and_arguments(wish: Plain) -> tuple[str, dict[str, Plain]]:
    """Name and arguments of a name or of ``{name: {arguments}}``."""
    if isinstance(wish, Mapping):
        name, arguments = next(iter(wish.items()))
        return str(name), dict(arguments) if isinstance(arguments, Mapping) else {}
    return str(wish), {}


def call_text(called: type[Any] | str, arguments: Mapping[str, Plain]) -> str:
    """``keras.layers.Dense(units=10)``: `called` is a class of Keras, or the ``module:Class`` of one's own."""
    name = called.replace(":", ".") if isinstance(called, str) else f"keras.{_module(called)}.{called.__name__}"
    return f"{name}({arguments_text(arguments)})"


def arguments_text(arguments: Mapping[str, Plain]) -> str:
    """Arguments by name, separated by commas; the mappings of regularizers become calls."""
    return ", ".join(f"{key}={_argument(key, value)}" for key, value in arguments.items())


def _argument(key: str, value: Plain) -> str:
    if key.endswith("_regularizer") and isinstance(value, Mapping):
        factors = {name: float(factor) for name, factor in value.items()}
        return f"keras.regularizers.L1L2({arguments_text(factors)})"
    return repr(value)


def _module(keras_class: type[Any]) -> str:
    """The public module of a class of Keras: ``keras.src.layers.core.dense`` is ``layers``."""
    return next(part for part in keras_class.__module__.split(".") if part in _MODULES)
