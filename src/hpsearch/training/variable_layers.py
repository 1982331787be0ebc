"""Layers, regularizers and optimizers whose numbers are variables, so that a compiled epoch serves other numbers too.

``keras.layers.Dropout`` and ``keras.optimizers.SGD`` ask ``if rate > 0`` in Python, which a traced function cannot do
with a variable; ``keras.regularizers.L1L2`` turns its factors into Python floats. The ones here compute the same and
are used by every training, because the last bits of a result depend on which is used. What is saved is rebuilt from
Keras's own.
"""

from __future__ import annotations

from typing import Any

import keras


def _number(value: float, name: str) -> keras.Variable:
    return keras.Variable(float(value), trainable=False, dtype="float32", name=name)


class VariableDropout(keras.layers.Layer):
    """``keras.layers.Dropout`` with its rate in a non-trainable weight. A rate of 0 changes nothing, 1 drops all."""

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(f"rate is {rate}, but a share from 0 to 1 was expected.")
        self.noise_shape = noise_shape
        self.supports_masking = True
        self.rate = self.add_weight(
            name="rate",
            shape=(),
            initializer=keras.initializers.Constant(rate),
            dtype="float32",
            trainable=False,
            autocast=False,
        )
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def mask_shape(self, inputs: Any) -> Any:
        """Shape of the random draw: 1 where all entries share their fate."""
        shape = keras.ops.shape(inputs)
        if self.noise_shape is None:
            return shape
        return tuple(shape[axis] if size is None else size for axis, size in enumerate(self.noise_shape))

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        drawn = keras.random.uniform(self.mask_shape(inputs), dtype="float32", seed=self.seed_generator)
        kept = keras.ops.convert_to_tensor(1.0) - self.rate
        # 1 / kept, and 0 where nothing is kept, so that no gradient becomes 0 * inf
        scale = keras.ops.cast(keras.ops.divide_no_nan(1.0, kept), inputs.dtype)
        return keras.ops.where(drawn >= self.rate, inputs * scale, keras.ops.zeros_like(inputs))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class VariableSpatialDropout(VariableDropout):
    """``keras.layers.SpatialDropout1D``, ``2D`` and ``3D`` with the rate in a weight: whole channels fall out."""

    def __init__(self, rate: float, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(rate, **kwargs)
        self.data_format = data_format or keras.config.image_data_format()

    def mask_shape(self, inputs: Any) -> Any:
        shape = keras.ops.shape(inputs)
        ones = (1,) * (len(shape) - 2)
        return (shape[0], shape[1], *ones) if self.data_format == "channels_first" else (shape[0], *ones, shape[-1])


class VariableL1L2(keras.regularizers.Regularizer):
    """``keras.regularizers.L1``, ``L2`` and ``L1L2`` with their factors in variables; a factor of None has no term."""

    def __init__(self, l1: float | None = None, l2: float | None = None) -> None:
        self.l1 = None if l1 is None else _number(l1, "l1")
        self.l2 = None if l2 is None else _number(l2, "l2")

    @property
    def variables(self) -> list[keras.Variable]:
        """The factors, l1 before l2."""
        return [factor for factor in (self.l1, self.l2) if factor is not None]

    def __call__(self, x: Any) -> Any:
        """The penalty for the weights `x`."""
        penalty = keras.ops.zeros((), dtype=x.dtype)
        if self.l1 is not None:
            penalty += keras.ops.cast(self.l1, x.dtype) * keras.ops.sum(keras.ops.abs(x))
        if self.l2 is not None:
            penalty += keras.ops.cast(self.l2, x.dtype) * keras.ops.sum(keras.ops.square(x))
        return penalty


class VariableSGD(keras.optimizers.SGD):
    """``keras.optimizers.SGD`` with its momentum in a variable; velocities are kept even where it is 0."""

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0, **kwargs: Any) -> None:
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum is {momentum}, but a number from 0 to 1 was expected.")
        super().__init__(learning_rate, momentum=0.9, **kwargs)  # any but 0 makes it keep velocities
        self.momentum_variable = _number(momentum, "momentum")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        rate = keras.ops.cast(learning_rate, variable.dtype)
        momentum = keras.ops.cast(self.momentum_variable, variable.dtype)
        velocity = self.momentums[self._get_variable_index(variable)]
        descent = keras.ops.cast(gradient, variable.dtype) * rate
        step = velocity * momentum - descent
        self.assign(velocity, step)
        self.assign_add(variable, step * momentum - descent if self.nesterov else step)


SPATIAL_DROPOUTS = (keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D, keras.layers.SpatialDropout3D)
