"""``residual``: layers whose input is added to their output."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras

from hpsearch.space.values import Plain

if TYPE_CHECKING:
    from hpsearch.training.building import Builder

# by the number of spatial dimensions
PROJECTIONS = ("Dense", "Conv1D", "Conv2D", "Conv3D")


def residual(builder: Builder, layers: Plain, tensor: Any) -> Any:
    """`tensor` after `layers`, plus `tensor` itself; where the shapes differ, plus a projection of it.

    The projection is ``ConvND(filters of the output, 1, strides)`` with Keras's defaults, strides being input size /
    output size rounded up (He et al., "Deep Residual Learning for Image Recognition", 2015, section 3.3, option B),
    and ``Dense(units)`` for a flat tensor.

    Raises:
        ValueError: the sizes do not come out equal.
        BuildError: one of `layers` cannot be built.
    """
    if not isinstance(layers, list | tuple):
        raise ValueError(f"residual takes a list of layers, not {layers!r}")
    branch = builder.apply(layers, tensor)
    shortcut = tensor if tensor.shape == branch.shape else _project(builder, tensor, branch.shape)
    return builder.layer("residual", keras.layers.Add, {})([shortcut, branch])


def _project(builder: Builder, tensor: Any, target: tuple[int | None, ...]) -> Any:
    source = tensor.shape
    if len(source) != len(target) or len(target) - 2 not in range(len(PROJECTIONS)) or None in target[1:]:
        raise ValueError(f"an input of {_size(source)} cannot be added to an output of {_size(target)}")
    strides = [math.ceil(before / after) for before, after in zip(source[1:-1], target[1:-1], strict=True)]
    name = PROJECTIONS[len(strides)]
    arguments: dict[str, Any] = {"units": target[-1]}
    if strides:
        arguments = {"filters": target[-1], "kernel_size": 1, "strides": tuple(strides)}
    projected = builder.layer(name, getattr(keras.layers, name), arguments)(tensor)
    if projected.shape != target:
        raise ValueError(
            f"strides of {_size((None, *strides))} bring an input of {_size(source)} to {_size(projected.shape)}, "
            f"not to the output's {_size(target)}"
        )
    return projected


def _size(shape: tuple[int | None, ...]) -> str:
    return "x".join(str(size) for size in shape[1:])
