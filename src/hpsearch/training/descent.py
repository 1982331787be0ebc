"""How a model's weights meet its optimizer: one by one, or all of them as one vector.

An optimizer that treats every number alike (Adam, SGD, ...) computes the same on one long vector as on a dozen weights,
in a dozenth of the operations. Small models spend most of their time on operations, in tracing them and in each step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import keras
import tensorflow as tf

from hpsearch.training.optimizers import innermost

# What each computes for a number depends on that number and its gradients alone. Not among them: Adafactor (rows and
# columns), Lamb (norms of weights), Muon (matrices).
_ELEMENTWISE = (
    keras.optimizers.SGD,
    keras.optimizers.Adam,  # and AdamW
    keras.optimizers.Nadam,
    keras.optimizers.Adamax,
    keras.optimizers.RMSprop,
    keras.optimizers.Adagrad,
    keras.optimizers.Adadelta,
    keras.optimizers.Ftrl,
    keras.optimizers.Lion,
)


class Descent(Protocol):
    """The weights of a model under its optimizer. All but `averages` is called while an epoch is traced."""

    def begin(self) -> None:
        """An epoch begins with the weights that the model has."""
        ...

    def forward(self, tape: tf.GradientTape) -> AbstractContextManager[None]:
        """A context within which the model is called in training and its loss computed, on `tape`."""
        ...

    def step(self, tape: tf.GradientTape, loss: Any) -> None:
        """One step of the optimizer down the gradient of `loss`."""
        ...

    def end(self) -> None:
        """The model gets the weights that the epoch has led to."""
        ...

    def averages(self) -> Sequence[Any]:
        """The optimizer's moving averages of the model's trainable weights, as arrays."""
        ...


def descent_of(model: Any, optimizer: Any, *, elastic: bool = False) -> Descent:
    """The quicker of the two ways that this model and this optimizer allow. Builds the optimizer.

    `elastic` lets weights of any lengths be assigned afterwards, to the model's variables and the optimizer's.
    """
    return OneVector(model, optimizer, elastic) if takes_one_vector(model, optimizer) else OneByOne(model, optimizer)


def takes_one_vector(model: Any, optimizer: Any) -> bool:
    """Whether all trainable weights can be one vector to this optimizer."""
    inner = innermost(optimizer)
    weights = model.trainable_variables
    is_elementwise = type(inner).__module__.startswith(("keras.", "hpsearch.")) and isinstance(inner, _ELEMENTWISE)
    is_alike = all(
        weight.dtype == "float32" and weight.constraint is None and not weight.overwrite_with_gradient
        for weight in weights
    )
    return bool(weights and is_elementwise and is_alike and inner.clipnorm is None)


class OneByOne:
    """Every weight by itself, as Keras does it."""

    def __init__(self, model: Any, optimizer: Any) -> None:
        self._model, self._optimizer = model, optimizer
        optimizer.build(model.trainable_variables)

    def begin(self) -> None:
        """Nothing to do: the model's weights are the optimizer's."""

    @contextmanager
    def forward(self, tape: tf.GradientTape) -> Iterator[None]:
        """Nothing special."""
        yield

    def step(self, tape: tf.GradientTape, loss: Any) -> None:
        """As in ``keras.Model.train_step``."""
        weights = self._model.trainable_variables
        self._optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)

    def end(self) -> None:
        """Nothing to do."""

    def averages(self) -> Sequence[Any]:
        """One array a weight."""
        return [average.value.numpy() for average in innermost(self._optimizer)._model_variables_moving_average]


class OneVector:
    """All trainable weights as one float32 vector, of which the model sees pieces.

    Sizes are read when an epoch begins and not baked in, so that the vector may be another one the next time.
    """

    def __init__(self, model: Any, optimizer: Any, elastic: bool) -> None:
        self._model, self._optimizer = model, optimizer
        count = sum(math.prod(weight.shape) for weight in model.trainable_variables)
        self._vector = keras.Variable(
            tf.zeros((count,)), trainable=True, dtype="float32", name="weights", autocast=False
        )
        self._read: Any = None  # the vector as the present step has read it
        self._shapes: list[Any] = []  # of the weights in the present epoch, and their sizes
        self._sizes: Any = None
        if elastic:  # before Keras learns by which variable it is to know the vector
            _loosen(self._vector)
        optimizer.build([self._vector])
        if elastic:
            entries = [slot for slot in optimizer.variables if slot.shape == self._vector.shape]
            for variable in (*model.weights, *entries):
                _loosen(variable)

    def begin(self) -> None:
        """The vector takes the model's weights."""
        weights = [tf.convert_to_tensor(weight.value) for weight in self._model.trainable_variables]
        self._measure(weights)
        _put(self._vector, tf.concat([tf.reshape(weight, (-1,)) for weight in weights], 0))

    @contextmanager
    def forward(self, tape: tf.GradientTape) -> Iterator[None]:
        """Within it the model reads its weights from the vector; what it writes (averages, seeds) it has afterwards."""
        self._read = tf.convert_to_tensor(self._vector.value)
        tape.watch(self._read)
        scope = keras.StatelessScope()
        for weight, piece in zip(self._model.trainable_variables, self._pieces(self._read), strict=True):
            scope.add_update((weight, piece))
        with scope:
            yield
        for variable in self._model.non_trainable_variables:
            written = scope.get_current_value(variable)
            if written is not None:
                _put(variable, written)

    def step(self, tape: tf.GradientTape, loss: Any) -> None:
        """One step of the whole vector."""
        self._optimizer.apply([tape.gradient(loss, self._read)], [self._vector])

    def end(self) -> None:
        """The model takes its weights from the vector."""
        pieces = self._pieces(tf.convert_to_tensor(self._vector.value))
        for weight, piece in zip(self._model.trainable_variables, pieces, strict=True):
            _put(weight, piece)

    def averages(self) -> Sequence[Any]:
        """Pieces of the vector's average."""
        self._measure([tf.convert_to_tensor(weight.value) for weight in self._model.trainable_variables])
        [average] = innermost(self._optimizer)._model_variables_moving_average
        return [piece.numpy() for piece in self._pieces(tf.convert_to_tensor(average.value))]

    def _measure(self, weights: Sequence[Any]) -> None:
        if all(weight.shape.is_fully_defined() for weight in weights):  # XLA wants constants
            self._shapes = [tuple(weight.shape) for weight in weights]
            self._sizes = [math.prod(shape) for shape in self._shapes]
        else:
            self._shapes = [tf.shape(weight) for weight in weights]
            self._sizes = tf.stack([tf.size(weight) for weight in weights])

    def _pieces(self, vector: Any) -> list[Any]:
        pieces = tf.split(vector, self._sizes, num=len(self._shapes))
        return [tf.reshape(piece, shape) for piece, shape in zip(pieces, self._shapes, strict=True)]


def _put(variable: Any, value: Any) -> None:
    """Assign past Keras, which compares with the shape that the variable had at first."""
    variable.value.assign(tf.cast(value, variable.dtype))


def _loosen(variable: Any) -> None:
    """Let a Keras variable take values of any lengths; those that have been traced then read the lengths too."""
    value = variable.value
    variable._value = tf.Variable(
        value, shape=[None] * len(value.shape), dtype=value.dtype, trainable=value.trainable, name=variable.name
    )
