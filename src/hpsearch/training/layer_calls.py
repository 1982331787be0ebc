"""One item of a model as the constructor call that it stands for."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras

from hpsearch.space.catalogue import Signature
from hpsearch.space.values import Plain

_ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_REQUIRED, _OPEN = object(), object()  # in the place of an argument's default
_PREAMBLE = ("Exception encountered when calling", "Could not automatically infer the output", "Arguments received by")


@dataclass(frozen=True, slots=True)
class LayerCall:
    """A layer's name in the file, its class there, and the arguments by name, as plain data.

    `function` is set instead of `layer` for an activation with arguments that Keras has no layer for:
    ``keras.ops.<function>(tensor, **arguments)``.
    """

    name: str
    layer: type[Any] | None
    arguments: Mapping[str, Plain]
    function: str | None = None


# Arguments of layers that Keras wants as whole numbers; 64.0, as `$(128 / 2)` gives it, is one to the language.
_SIZES = "units filters kernel_size strides pool_size padding output_padding dilation_rate groups depth_multiplier size"
_SHAPES = "cropping target_shape dims n axis output_size output_dim input_dim height width"
WHOLE_ARGUMENTS = frozenset((*_SIZES.split(), *_SHAPES.split()))
# Activation functions whose arguments a layer of Keras takes under the same names.
ACTIVATION_LAYERS = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "softmax": "Softmax"}


def parse(item: Plain) -> tuple[str, Plain]:
    """Name and value of an item: the value is ``{}`` for a bare name.

    Raises:
        ValueError: `item` is neither a name nor a mapping with one key.
    """
    if isinstance(item, str):
        return item, {}
    if isinstance(item, Mapping) and len(item) == 1:
        return next(iter(item.items()))
    raise ValueError(f"a layer is a name or one `name: arguments`, not {item!r}")


def layer_call(name: str, value: Plain, *, custom: bool = True) -> LayerCall:
    """The constructor call that ``name: value`` stands for.

    Args:
        name: a layer of ``keras.layers``, or ``module:Class``.
        value: arguments by name, or the value of the constructor's first argument.
        custom: whether ``module:Class`` may be imported.

    Raises:
        ValueError: there is no such layer, or it may not be imported.
    """
    layer = layer_class(name, custom=custom)
    arguments = value if isinstance(value, Mapping) else {_first_argument(name, layer): value}
    if layer is keras.layers.Activation:
        return _activation_call(name, arguments)
    return LayerCall(
        name, layer, {key: _whole(value) if key in WHOLE_ARGUMENTS else value for key, value in arguments.items()}
    )


def layer_class(name: str, *, custom: bool = True) -> type[Any]:
    """The class of a layer of Keras, or of one's own (``module:Class``). Raises ValueError where there is none."""
    if ":" in name:
        if not custom:
            raise ValueError("a layer of one's own may only be named in a file given on the command line")
        found = load(name)
    else:
        found = getattr(keras.layers, name, None)
    if not (inspect.isclass(found) and issubclass(found, keras.layers.Layer)):
        raise ValueError(f"{name} is not a layer of Keras" if ":" not in name else f"{name} is not a Keras layer")
    return found


def load(reference: str) -> Any:
    """What ``module:attribute`` names. Raises ValueError, with the reason, where it cannot be imported."""
    module_name, _, attribute = reference.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{reference} cannot be imported: {error}") from error


def activation_arguments(name: str) -> tuple[str, ...]:
    """The arguments that an activation function takes beside its tensor, none for an unknown function."""
    function = getattr(keras.activations, name, None)
    return tuple(inspect.signature(function).parameters)[1:] if inspect.isfunction(function) else ()


def signature_of(called: Any) -> Signature:
    """The arguments by name of a class's constructor or of a function.

    Where a class passes on ``**kwargs``, the arguments of its base classes count too, after its own; but not those of
    Keras's inner ones (``BaseConv``), whose arguments a layer gives or repeats itself.
    """
    arguments = defaults_of(called)
    return Signature(tuple(arguments), frozenset(name for name, default in arguments.items() if default is _REQUIRED))


@cache
def defaults_of(called: Any) -> Mapping[str, Any]:
    """Each of those arguments with its default; an object of ours stands where there is none."""
    constructors: list[Any] = [called]
    if inspect.isclass(called):
        owners = [owner for owner in called.__mro__ if "__init__" in vars(owner) and not _is_inner(owner)]
        constructors = [vars(owner)["__init__"] for owner in owners]
    arguments: dict[str, Any] = {}  # of base classes nothing is required, for a subclass may provide it
    for depth, constructor in enumerate(constructors):
        parameters = list(inspect.signature(constructor).parameters.values())
        for parameter in parameters[1:] if inspect.isclass(called) else parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                missing = _REQUIRED if depth == 0 else _OPEN
                default = missing if parameter.default is parameter.empty else parameter.default
                arguments.setdefault(parameter.name, default)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return arguments


def _is_inner(owner: type[Any]) -> bool:
    return owner.__module__.startswith("keras.") and owner.__name__.startswith("Base")


def first_line(error: BaseException) -> str:
    """What an exception says, as one sentence: Keras's colours, preambles and lists of shapes left out."""
    for line in _ANSI_COLOUR.sub("", str(error)).splitlines():
        text = line.strip()
        if text and not text.startswith(_PREAMBLE):
            return text.rstrip(".") + "."
    return f"{type(error).__name__}."


def _whole(value: Plain) -> Plain:
    if isinstance(value, list | tuple):
        return [_whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _first_argument(name: str, layer: type[Any]) -> str:
    first = signature_of(layer).first
    if first is None:
        raise ValueError(f"{name} takes no argument")
    return first


def _activation_call(name: str, arguments: Mapping[str, Plain]) -> LayerCall:
    """``Activation`` with the function's own arguments as the plain Keras layer or operation that takes them."""
    function = arguments.get("activation")
    own = signature_of(keras.layers.Activation).arguments
    plain = {key: value for key, value in arguments.items() if key in own}
    taken = activation_arguments(function) if isinstance(function, str) else ()
    extra = {key: value for key, value in arguments.items() if key in taken and key not in own}
    if not extra:
        return LayerCall(name, keras.layers.Activation, plain)
    del plain["activation"]
    if function in ACTIVATION_LAYERS:
        return LayerCall(name, getattr(keras.layers, ACTIVATION_LAYERS[function]), {**extra, **plain})
    return LayerCall(name, None, extra, function=function)
