"""A compiled epoch on TensorFlow: one traced function trains a whole epoch, one validates.

Keras's ``fit`` calls a function for each step and traces it anew for each model. Here an epoch is one call: a loop
over a permutation of indices gathers batches from images that stay on the device. Optimizer, loss, metrics,
regularisation, batch normalisation, augmentation and mixed precision are Keras's own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework import ops

from hpsearch.training.augmentation import augment, mixes_labels
from hpsearch.training.descent import OneVector, descent_of
from hpsearch.training.losses_metrics import Loss, Metric
from hpsearch.training.optimizers import innermost

VALIDATION_BATCH = 256  # at least; a forward pass needs little memory


@dataclass(frozen=True)
class Parts:
    """What an epoch is compiled from. The optimizer is not built yet.

    Attributes:
        model: from rescaled images to predictions.
        factors: variables of regularizers, which the model does not list.
        rescaling: a layer between images as stored and the model; None where there is nothing to do.
        classes: how many classes the labels have.
    """

    model: Any
    factors: Sequence[Any]
    optimizer: Any
    loss: Loss
    metrics: Sequence[Metric]
    augmentation: Sequence[Any]
    rescaling: Any | None
    classes: int
    batch_size: int

    @property
    def augmentation_variables(self) -> list[Any]:
        """All variables of the augmentation layers: the states of their random generators."""
        return [variable for layer in self.augmentation for variable in layer.variables]


class CompiledEpoch:
    """Traced functions and the variables that they work on.

    Attributes:
        parts: what it was compiled from.
        bytes: size of the model's and the optimizer's variables.
        train: ``(images, labels, order) -> values``: a whole epoch over ``images[order]``.
        train_stream: ``(iterator, steps) -> values``: the same over batches that come in.
        validate: ``(images, labels, indices) -> values``.
        predict: ``(images) -> predictions``.
    """

    def __init__(self, parts: Parts, *, use_xla: bool = False, elastic: bool = False) -> None:
        """Nothing is traced yet.

        Args:
            parts: what to compile.
            use_xla: compile each step with XLA, which pays on GPUs alone.
            elastic: serve models with other numbers of filters and units too, where `is_elastic` allows it.
        """
        self.parts = parts
        self._descent = descent_of(parts.model, parts.optimizer, elastic=elastic)
        self._loss_mean = keras.metrics.Mean(name="loss", dtype="float32")
        self._optimizer_start = arrays_of(parts.optimizer.variables)
        self.bytes = _bytes_of(arrays_of(parts.model.variables), self._optimizer_start)
        self._make_metric_variables()
        self._use_xla = use_xla
        self.train = self._trace(self._train_epoch)
        self.train_stream = self._trace(self._train_stream)
        self.validate = self._trace(self._validate)
        self.predict = self._trace(self._predict)

    @property
    def names(self) -> list[str]:
        """Names of the values that `train` and `validate` give, in order."""
        return ["loss", *(metric.name for metric in self.parts.metrics)]

    def reset(self, fresh: Parts) -> None:
        """Begin a training of the same structure: all variables take the values that those of `fresh` have.

        The optimizer of `fresh` need not be built: of its variables those of trial-dependent numbers count.
        """
        model, optimizer = arrays_of(fresh.model.variables), self._optimizer_start_of(fresh.model)
        self.bytes = _bytes_of(model, optimizer)
        assign(self.parts.model.variables, model)
        assign(self.parts.factors, arrays_of(fresh.factors))
        assign(self.parts.augmentation_variables, arrays_of(fresh.augmentation_variables))
        assign(self.parts.optimizer.variables, optimizer)
        assign(numbers_of(self.parts.optimizer), arrays_of(numbers_of(fresh.optimizer)))

    def _optimizer_start_of(self, model: Any) -> list[NDArray[Any]]:
        """The optimizer's variables before the first step on the weights of `model`.

        What has an entry for each weight holds one and the same number everywhere then.
        """
        start = self._optimizer_start
        if isinstance(self._descent, OneVector):
            count = sum(math.prod(weight.shape) for weight in model.trainable_variables)
            start = [np.full(count, array[0]) if array.ndim == 1 else array for array in start]
        return start

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """The optimizer's moving average in the place of the weights, where it keeps one (``use_ema``)."""
        optimizer = innermost(self.parts.optimizer)
        if not optimizer.use_ema:
            yield
            return
        weights = self.parts.model.trainable_variables
        trained = arrays_of(weights)
        assign(weights, self._descent.averages())
        yield
        assign(weights, trained)

    def penalty(self) -> float:
        """What the regularizers of weights add to the loss with the present weights."""
        weights = self.parts.model.trainable_variables
        return sum(float(weight.regularizer(weight)) for weight in weights if weight.regularizer is not None)

    @staticmethod
    def _trace(function: Any) -> Any:
        @functools.wraps(function)
        def traced(*arguments: Any) -> Any:
            with _without_new_gradients():
                return function(*arguments)

        return tf.function(traced, autograph=False, reduce_retracing=True)

    def _make_metric_variables(self) -> None:
        """Some metrics make their variables on their first update, which must not happen inside a loop."""
        for metric in self.parts.metrics:
            if not metric.metric.variables:
                labels = self._labels_for(metric, tf.zeros((1,), tf.int32))
                metric.metric.update_state(labels, tf.zeros((1, self.parts.classes)))

    # -- what is traced ---------------------------------------------------------------------------------------------

    def _train_epoch(self, images: Any, labels: Any, order: Any) -> Any:
        self._reset_metrics()
        train_on = self._step()

        def step(batch: Any) -> None:
            train_on(tf.gather(images, batch), tf.gather(labels, batch))

        self._descent.begin()
        self._over_batches(order, self.parts.batch_size, step)
        self._descent.end()
        return self._results()

    def _train_stream(self, batches: Any, steps: Any) -> Any:
        self._reset_metrics()
        train_on = self._step()

        def body(step: Any) -> tuple[Any]:
            train_on(*batches.get_next())
            return (step + 1,)

        self._descent.begin()
        tf.while_loop(lambda step: step < steps, body, (tf.constant(0),), parallel_iterations=1)
        self._descent.end()
        return self._results()

    def _step(self) -> Any:
        """`_train_on` as a function of its own, for one trace: it may read what else was traced there.

        It is not inlined into the loop, where oneDNN finds the counterparts of some operations only by luck
        (TensorFlow 2.21): max pooling's gradient then takes five times as long.
        """
        how = {"jit_compile": True} if self._use_xla else {"experimental_attributes": {"_noinline": True}}
        return tf.function(self._train_on, autograph=False, **how)

    def _train_on(self, images: Any, labels: Any) -> None:
        """One step of gradient descent on a batch of images as stored and integer labels."""
        parts = self.parts
        images = tf.cast(images, tf.float32)
        if mixes_labels(parts.augmentation):
            labels = tf.one_hot(labels, parts.classes)
        images, labels = augment(parts.augmentation, images, labels)
        with tf.GradientTape() as tape, self._descent.forward(tape):
            predictions = self._forward(images, training=True)
            loss = self._loss(labels, predictions)
            scaled = parts.optimizer.scale_loss(loss)
        self._descent.step(tape, scaled)
        self._count(labels, predictions, loss)

    def _validate(self, images: Any, labels: Any, indices: Any) -> Any:
        self._reset_metrics()

        def step(batch: Any) -> None:
            truth = tf.gather(labels, batch)
            predictions = self._forward(tf.cast(tf.gather(images, batch), tf.float32), training=False)
            self._count(truth, predictions, self._loss(truth, predictions))

        self._over_batches(indices, max(self.parts.batch_size, VALIDATION_BATCH), step)
        return self._results()

    def _predict(self, images: Any) -> Any:
        return self._forward(tf.cast(images, tf.float32), training=False)

    def _forward(self, images: Any, training: bool) -> Any:
        if self.parts.rescaling is not None:
            images = self.parts.rescaling(images)
        predictions = tf.cast(self.parts.model(images, training=training), tf.float32)
        return tf.ensure_shape(predictions, self.parts.model.output_shape)

    def _loss(self, labels: Any, predictions: Any) -> Any:
        loss = self.parts.loss(self._labels_for(self.parts.loss, labels), predictions)
        return tf.add_n([loss, *(tf.cast(penalty, tf.float32) for penalty in self.parts.model.losses)])

    def _labels_for(self, judge: Loss | Metric, labels: Any) -> Any:
        """Labels in the form that a loss or metric compares."""
        is_integer = labels.dtype.is_integer
        if judge.takes_integers:
            return labels if is_integer else tf.argmax(labels, axis=-1, output_type=tf.int32)
        return tf.one_hot(labels, self.parts.classes) if is_integer else labels

    def _count(self, labels: Any, predictions: Any, loss: Any) -> None:
        self._loss_mean.update_state(loss, sample_weight=tf.cast(tf.shape(predictions)[0], tf.float32))
        for metric in self.parts.metrics:
            metric.metric.update_state(self._labels_for(metric, labels), predictions)

    def _reset_metrics(self) -> None:
        for metric in (self._loss_mean, *(each.metric for each in self.parts.metrics)):
            metric.reset_state()

    def _results(self) -> Any:
        values = (self._loss_mean.result(), *(each.metric.result() for each in self.parts.metrics))
        return tf.stack([tf.reduce_mean(tf.cast(value, tf.float32)) for value in values])

    @staticmethod
    def _over_batches(indices: Any, batch_size: int, step: Any) -> None:
        """`step` on each batch of `indices` in turn, the last one as large as it comes out."""
        count = tf.shape(indices)[0]

        def body(start: Any) -> tuple[Any]:
            step(indices[start : tf.minimum(start + batch_size, count)])
            return (start + batch_size,)

        tf.while_loop(lambda start: start < count, body, (tf.constant(0),), parallel_iterations=1)


@contextmanager
def _without_new_gradients() -> Iterator[None]:
    """Within it TensorFlow's registry of custom gradients stays as it is.

    While a function is traced, `tf.custom_gradient` (Keras's optimizers sum gradients with one) puts a closure over the
    whole graph there for good, 20 MB a model. The traced function has its gradients already and never looks them up.
    """
    registry = ops.gradient_registry._registry
    before = len(registry)
    try:
        yield
    finally:
        for name in list(registry)[before:]:
            del registry[name]


def _bytes_of(*groups: Sequence[NDArray[Any]]) -> int:
    return sum(array.nbytes for group in groups for array in group)


def arrays_of(variables: Sequence[Any]) -> list[NDArray[Any]]:
    """Copies of the variables' values."""
    return [variable.value.numpy().copy() for variable in variables]


def assign(variables: Sequence[Any], arrays: Sequence[NDArray[Any]]) -> None:
    """Give each variable the value of its array, as it is."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.value.assign(array)


def numbers_of(optimizer: Any) -> list[Any]:
    """Those of an optimizer's variables that hold a trial's own numbers, not state of its steps."""
    inner = innermost(optimizer)
    numbers = (inner._learning_rate, inner.weight_decay, getattr(inner, "momentum_variable", None))
    return [number for number in numbers if isinstance(number, keras.Variable)]
