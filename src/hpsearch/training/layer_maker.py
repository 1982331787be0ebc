"""The layers of a model that trains: some of Keras's in forms that compile to less, or can be kept."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from hpsearch.training.variable_layers import (
    SPATIAL_DROPOUTS,
    VariableDropout,
    VariableL1L2,
    VariableSpatialDropout,
)

_LEAST_EPSILON = 1.001e-5  # that the fused operation takes, by cuDNN


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """``keras.layers.BatchNormalization`` whose training is one operation forwards and one back, for images.

    Keras builds it of a hundred small ones, with several passes over the images each way. Same weights, same averages.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not (training and self.trainable and mask is None and self._is_fusable(inputs)):
            return super().call(inputs, training=training, mask=mask)
        channels = tf.shape(inputs)[-1:]
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            scale=tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(channels),
            offset=tf.convert_to_tensor(self.beta) if self.center else tf.zeros(channels),
            epsilon=self.epsilon,
        )
        # the operation gives the unbiased variance, Keras averages the biased one
        count = tf.cast(tf.size(inputs) // channels[0], tf.float32)
        share = 1.0 - self.momentum
        for average, seen in ((self.moving_mean, mean), (self.moving_variance, variance * ((count - 1.0) / count))):
            average.assign(average * self.momentum + seen * share)
        return outputs

    def _is_fusable(self, inputs: Any) -> bool:
        is_plain = not (self.renorm or self.synchronized) and self.epsilon >= _LEAST_EPSILON
        return is_plain and len(inputs.shape) == 4 and self.axis in (-1, 3) and inputs.dtype in ("float32", "float16")


class ElasticConv2D(keras.layers.Conv2D):
    """``keras.layers.Conv2D`` that reads how many filters it has, and how large they are, from its weights."""

    def call(self, inputs: Any) -> Any:
        if not self.is_elastic:
            return super().call(inputs)
        outputs = tf.nn.convolution(
            inputs,
            tf.convert_to_tensor(self.kernel),
            list(self.strides),
            self.padding.upper(),
            data_format="NHWC",
            dilations=list(self.dilation_rate),
        )
        return _biased_and_activated(self, outputs)

    @property
    def is_elastic(self) -> bool:
        return bool(self.data_format == "channels_last" and self.groups == 1)


class ElasticDense(keras.layers.Dense):
    """``keras.layers.Dense`` that reads how many units it has from its weights, where its inputs are vectors."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if len(inputs.shape) != 2:
            return super().call(inputs, training=training)
        return _biased_and_activated(self, tf.matmul(inputs, tf.convert_to_tensor(self.kernel)))

    @property
    def is_elastic(self) -> bool:
        return len(self.input.shape) == 2


def _biased_and_activated(layer: Any, outputs: Any) -> Any:
    if layer.use_bias:
        outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(layer.bias))
    return outputs if layer.activation is None else layer.activation(outputs)


# What stands for a layer of Keras in every training, because the last bits of a result depend on which is used.
_STAND_INS: dict[type[Any], type[Any]] = {
    keras.layers.Dropout: VariableDropout,
    **dict.fromkeys(SPATIAL_DROPOUTS, VariableSpatialDropout),
    keras.layers.BatchNormalization: FusedBatchNormalization,
    keras.layers.Conv2D: ElasticConv2D,
    keras.layers.Dense: ElasticDense,
}

# Layers whose `call` bakes no size into what is traced, by reading of Keras's code (3.15).
_SIZELESS = frozenset(
    {
        *_STAND_INS.values(),
        keras.layers.InputLayer,
        keras.layers.Activation,
        keras.layers.ReLU,
        keras.layers.LeakyReLU,
        keras.layers.ELU,
        keras.layers.Softmax,
        keras.layers.MaxPooling2D,
        keras.layers.AveragePooling2D,
        keras.layers.GlobalMaxPooling2D,
        keras.layers.GlobalAveragePooling2D,
        keras.layers.Flatten,
    }
)


def is_elastic(model: Any) -> bool:
    """Whether a traced call of `model` serves models with other numbers of filters and units too."""
    return all(
        type(operation) in _SIZELESS
        and getattr(operation, "is_elastic", True)
        and getattr(operation, "data_format", None) in (None, "channels_last")
        and getattr(operation, "axis", -1) == -1
        for operation in model.operations
    )


class LayerMaker:
    """Makes a model's layers: some of Keras's in forms that compile to less, numbers and sizes in variables.

    Attributes:
        factors: the variables of all regularizers, in the order of the layers.
    """

    def __init__(self) -> None:
        self.factors: list[keras.Variable] = []

    def __call__(self, name: str, layer: type[Any], arguments: dict[str, Any]) -> Any:
        """The layer that stands for ``layer(**arguments)``."""
        made = {key: self._regularizer(value) for key, value in arguments.items()}
        return _STAND_INS.get(layer, layer)(**made)

    def _regularizer(self, value: Any) -> Any:
        if type(value) is keras.regularizers.L1:
            variable = VariableL1L2(l1=value.l1)
        elif type(value) is keras.regularizers.L2:
            variable = VariableL1L2(l2=value.l2)
        elif type(value) is keras.regularizers.L1L2:
            variable = VariableL1L2(value.l1, value.l2)
        else:
            return value
        self.factors += variable.variables
        return variable
