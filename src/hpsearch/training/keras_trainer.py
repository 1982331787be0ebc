"""One training of a Keras model, an epoch at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from hpsearch.errors import BuildError, Diverged, OutOfMemory
from hpsearch.space.values import Plain
from hpsearch.study import derive_seed
from hpsearch.training import checkpoint, kept_epochs
from hpsearch.training.augmentation import make_augmentation
from hpsearch.training.building import build_model
from hpsearch.training.checkpoint import Arrays
from hpsearch.training.compiled import CompiledEpoch, Parts, arrays_of, assign
from hpsearch.training.descent import takes_one_vector
from hpsearch.training.device_arrays import has_gpu, on_device, stream
from hpsearch.training.evaluation import evaluate
from hpsearch.training.kept_weights import KeptWeights
from hpsearch.training.layer_maker import LayerMaker, is_elastic
from hpsearch.training.losses_metrics import make_loss, make_metric, metric_name
from hpsearch.training.model_files import model_file
from hpsearch.training.optimizers import make_optimizer
from hpsearch.training.schedules import make_schedule
from hpsearch.training.seeding import seeded
from hpsearch.training.stopping import EarlyStopping, ReduceOnPlateau
from hpsearch.training.structure import names_own_code, structure_key
from hpsearch.training.task import EpochResult, Evaluation, Task
from hpsearch.training.training_data import IN_MEMORY_BYTES, TrainingData, training_data

PREDICTION_BATCH = 1024


def open_training(task: Task) -> KerasTrainer:
    """A trainer for `task` on Keras's present backend, which is TensorFlow.

    Raises:
        BuildError: the model, its optimizer, loss or a metric cannot be made.
        DataError: data that are missing or unusable.
        OutOfMemory: the device had no room for the model.
    """
    if keras.backend.backend() != "tensorflow":
        raise BuildError(
            f"Keras runs on {keras.backend.backend()}, but training needs TensorFlow: set KERAS_BACKEND=tensorflow."
        )
    if task.deterministic:
        tf.config.experimental.enable_op_determinism()
    dataset = task.configuration.dataset
    data = training_data(dataset, task.split_seed, task.data_dir, task.cache_dir, custom=task.custom)
    return KerasTrainer(task, data)


class KerasTrainer:
    """A `Trainer` on a compiled epoch."""

    def __init__(self, task: Task, data: TrainingData, in_memory_bytes: int = IN_MEMORY_BYTES) -> None:
        """`data` with more than `in_memory_bytes` of images are streamed to the device."""
        training = task.configuration.training
        self.epoch = 0
        self._task = task
        self._data = data
        self._streams = data.splits.x_train.nbytes > in_memory_bytes
        self._batch_size = int(training.get("batch_size", 32))
        self._schedule = make_schedule(training.get("learning_rate_schedule"), int(training["epochs"]))
        self._kept = KeptWeights(task.configuration, task.objective, has_validation=len(data.validation) > 0)
        stopping, plateau = training.get("early_stopping"), training.get("reduce_on_plateau")
        self._stopping = EarlyStopping.from_settings(stopping, task.objective) if stopping is not None else None
        self._plateau = ReduceOnPlateau.from_settings(plateau, task.objective) if plateau is not None else None
        self._compiled: CompiledEpoch | None = None
        self._set_aside: bytes | None = None
        self._borrow()

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping has ended this training."""
        return self._stopping is not None and self._stopping.stopped

    # -- an epoch ---------------------------------------------------------------------------------------------------

    def advance(self) -> EpochResult:
        """Train and validate one epoch. Raises Diverged where the loss is no finite number, OutOfMemory, BuildError."""
        started = time.perf_counter()
        epoch = self.epoch + 1
        compiled = self._borrow()
        rate = self._set_learning_rate(compiled, epoch)
        with _room_for(f"epoch {epoch}"):
            values = self._train(compiled, epoch)
            _check_finite(values, "loss", epoch)
            with compiled.averaged_weights():
                values |= self._validate(compiled)
                _check_finite(values, "val_loss", epoch)
                values["learning_rate"] = rate
                self._kept.update(epoch, values, lambda: arrays_of(compiled.parts.model.variables))
        self.epoch = epoch
        stopped = self._stopping is not None and self._stopping.update(epoch, values)
        if self._plateau is not None:
            self._plateau.update(values, self._initial_rate * self._schedule(epoch))
        return EpochResult(epoch, values, time.perf_counter() - started, stopped)

    def _train(self, compiled: CompiledEpoch, epoch: int) -> dict[str, float]:
        splits = self._data.splits
        random = np.random.default_rng(derive_seed(self._task.seed, "order", epoch))
        order = random.permutation(self._data.train).astype(np.int32)
        if self._streams:
            batches = stream(splits.x_train, splits.y_train, order, self._batch_size)
            results = compiled.train_stream(batches, tf.constant(math.ceil(len(order) / self._batch_size)))
        else:
            results = compiled.train(on_device(splits.x_train), on_device(splits.y_train), tf.constant(order))
        return dict(zip(compiled.names, results.numpy().tolist(), strict=True))

    def _validate(self, compiled: CompiledEpoch) -> dict[str, float]:
        if not len(self._data.validation):
            return {}
        images, labels = self._data.validation_arrays
        indices = tf.constant(self._data.validation.astype(np.int32))
        results = compiled.validate(on_device(images), on_device(labels), indices)
        return {f"val_{name}": value for name, value in zip(compiled.names, results.numpy().tolist(), strict=True)}

    def _set_learning_rate(self, compiled: CompiledEpoch, epoch: int) -> float:
        factor = self._schedule(epoch) * (self._plateau.rate_factor if self._plateau is not None else 1.0)
        rate = float(np.float32(self._initial_rate * factor))
        compiled.parts.optimizer.learning_rate = rate
        return rate

    # -- state ------------------------------------------------------------------------------------------------------

    def checkpoint(self) -> bytes:
        """All variables, counters and random states, and the kept weights if the task asks for them."""
        return self._pack(with_kept_weights=self._task.keep_weights)

    def restore(self, content: bytes) -> None:
        """Go on from a checkpoint of this task or of its parent's, bit for bit."""
        meta, groups = checkpoint.unpack(content)
        parts = self._borrow().parts
        for name, variables in _groups(parts).items():
            assign(variables, groups[name])
        self.epoch = meta["epoch"]
        self._kept.restore(meta["kept"], {name: groups[name] for name in groups if name.startswith("kept")})
        if self._stopping is not None and meta["early_stopping"] is not None:
            self._stopping.restore(meta["early_stopping"])
        if self._plateau is not None and meta["reduce_on_plateau"] is not None:
            self._plateau.restore(meta["reduce_on_plateau"])

    def set_aside(self) -> None:
        """Save all state and let go of the compiled epoch; another training of the same structure needs it."""
        self._set_aside = self._pack(with_kept_weights=True)
        self._compiled = None

    def _pack(self, *, with_kept_weights: bool) -> bytes:
        meta = {
            "epoch": self.epoch,
            "kept": self._kept.state(),
            "early_stopping": self._stopping.state() if self._stopping is not None else None,
            "reduce_on_plateau": self._plateau.state() if self._plateau is not None else None,
        }
        groups = {name: arrays_of(variables) for name, variables in _groups(self._borrow().parts).items()}
        if with_kept_weights:
            groups |= self._kept.arrays()
        return checkpoint.pack(meta, groups)

    # -- the end ----------------------------------------------------------------------------------------------------

    def evaluate(self) -> Evaluation | None:
        """Scores of the kept weights on the test split, which is read here; None where it has no labels."""
        test = self._data.splits.test
        if test is None:
            return None
        images, labels = test()
        if labels is None:
            return None
        parts = self._borrow().parts
        is_ensemble = self._kept.combine is not None
        with _room_for("the evaluation"):
            predictions, penalties = zip(*(self._predict(weights, images) for weights in self._members()), strict=True)
        return evaluate(
            predictions,
            labels,
            self._data.splits.class_names,
            images=images,
            value_range=self._data.value_range,
            loss=parts.loss,
            penalty=0.0 if is_ensemble else penalties[0],
            metrics=parts.metrics,
            combine=self._kept.combine,
            epoch=self._kept.epoch,
        )

    def model_file(self) -> bytes:
        """The kept weights as a `.keras` file of Keras's own layers that takes images as stored."""
        variables = self._borrow().parts.model.variables
        members = [
            {variable.path: array for variable, array in zip(variables, weights, strict=True)}
            for weights in self._members()
        ]
        with _precision(self._task.configuration.training):
            return model_file(
                self._task.configuration.layers,
                self._data.input_shape,
                self._data.rescaling,
                members,
                combine=self._kept.combine,
                custom=self._task.custom,
            )

    def _members(self) -> list[Arrays]:
        """The weights that count: kept ones, or the last, as they were validated."""
        if self._kept.members:
            return self._kept.members
        compiled = self._borrow()
        with compiled.averaged_weights():
            return [arrays_of(compiled.parts.model.variables)]

    def _predict(self, weights: Arrays, images: NDArray[Any]) -> tuple[NDArray[np.float32], float]:
        """Predictions (N, classes) with `weights` in the place of the present ones, and the penalty on them."""
        compiled = self._borrow()
        model = compiled.parts.model
        present = arrays_of(model.variables)
        assign(model.variables, weights)
        try:
            batches = [images[start : start + PREDICTION_BATCH] for start in range(0, len(images), PREDICTION_BATCH)]
            predictions = np.concatenate([compiled.predict(tf.constant(batch)).numpy() for batch in batches])
            return predictions, float(compiled.penalty())
        finally:
            assign(model.variables, present)

    # -- the compiled epoch -----------------------------------------------------------------------------------------

    def _borrow(self) -> CompiledEpoch:
        """The compiled epoch of this training's structure, holding this training's state."""
        if self._compiled is not None:
            return self._compiled
        with _room_for("the model"):
            self._compiled = self._borrow_or_compile()
        if self._set_aside is not None:
            content, self._set_aside = self._set_aside, None
            self.restore(content)
        return self._compiled

    def _borrow_or_compile(self) -> CompiledEpoch:
        training = self._task.configuration.training
        fresh = self._build()
        self._initial_rate = float(fresh.optimizer.learning_rate.value.numpy())
        # XLA has no deterministic gradient of max pooling for GPUs (TensorFlow 2.21), and wants to know all sizes
        use_xla = has_gpu() and not self._task.deterministic
        elastic = not use_xla and is_elastic(fresh.model) and takes_one_vector(fresh.model, fresh.optimizer)

        def compile_epoch() -> CompiledEpoch:
            return CompiledEpoch(fresh, use_xla=use_xla, elastic=elastic)

        key = structure_key(
            self._task.configuration.layers,
            _optimizer_settings(training),
            elastic=elastic,
            outputs=fresh.model.output_shape[1:],
            input=[*self._data.input_shape, str(self._data.splits.x_train.dtype)],
            rescaling=self._data.rescaling,
            value_range=self._data.value_range,
            classes=self._data.classes,
            **{name: training.get(name) for name in ("loss", "augmentation", "mixed_precision")},
            metrics=[metric.name for metric in fresh.metrics],
            metric_settings=training.get("metrics"),
            batch_size=self._batch_size,
        )
        if names_own_code(self._task.configuration.layers, training):
            return compile_epoch()  # what is compiled into such code is not ours to know
        compiled, was_kept = kept_epochs.borrow(key, self, compile_epoch)
        if was_kept:
            compiled.reset(fresh)
        return compiled

    def _build(self) -> Parts:
        """A model with this training's initial values, and everything that goes with it."""
        training, data = self._task.configuration.training, self._data
        mixed = bool(training.get("mixed_precision"))
        maker = LayerMaker()
        own_code = names_own_code(self._task.configuration.layers, training)
        with _precision(training), seeded(derive_seed(self._task.seed, "weights"), everything=own_code):
            layers = self._task.configuration.layers
            model = build_model(layers, data.input_shape, make=maker, custom=self._task.custom)
            rescaling = _rescaling_layer(data.rescaling, data.input_shape) if data.rescaling else None
        with seeded(derive_seed(self._task.seed, "augmentation")):
            wishes = training.get("augmentation") or ()
            augmentation = make_augmentation(wishes, data.value_range, custom=self._task.custom)
        optimizer = make_optimizer(_optimizer_settings(training), mixed_precision=mixed)
        return Parts(
            model=model,
            factors=maker.factors,
            optimizer=optimizer,
            loss=make_loss(training["loss"]),
            metrics=[make_metric(wish, name) for name, wish in _metric_wishes(training, self._task.objective.metric)],
            augmentation=augmentation,
            rescaling=rescaling,
            classes=data.classes,
            batch_size=self._batch_size,
        )


def _groups(parts: Parts) -> dict[str, list[Any]]:
    """The variables of a training by what they belong to."""
    return {
        "model": parts.model.variables,
        "factors": list(parts.factors),
        "augmentation": parts.augmentation_variables,
        "optimizer": parts.optimizer.variables,
    }


def _metric_wishes(training: Mapping[str, Plain], objective_metric: str) -> list[tuple[str, Plain]]:
    """Stored name and wish of every metric: those of the study, and the objective's."""
    wishes = {metric_name(wish): wish for wish in training.get("metrics") or ["accuracy"]}
    objective = objective_metric.removeprefix("val_")
    if objective != "loss":
        wishes.setdefault(objective, objective)
    return list(wishes.items())


def _optimizer_settings(training: Mapping[str, Plain]) -> Mapping[str, Plain]:
    optimizer = training["optimizer"]
    return {"name": optimizer} if isinstance(optimizer, str) else optimizer


def _rescaling_layer(item: Mapping[str, Any], input_shape: tuple[int, ...]) -> Any:
    [(name, arguments)] = item.items()
    layer = getattr(keras.layers, name)(**arguments)
    layer.build((None, *input_shape))  # Normalization makes constants then, which must not be inside a loop
    return layer


@contextmanager
def _precision(training: Mapping[str, Plain]) -> Iterator[None]:
    """Keras's mixed precision within, where the training asks for it."""
    before = keras.config.dtype_policy()
    if training.get("mixed_precision"):
        keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def _room_for(what: str) -> Iterator[None]:
    """Within it a device without room for `what` raises OutOfMemory."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        reason = str(error).strip().split("\n")[0]
        raise OutOfMemory(f"The device had no room for {what}: {reason}") from error


def _check_finite(values: Mapping[str, float], name: str, epoch: int) -> None:
    value = values.get(name, 0.0)
    if not math.isfinite(value):
        raise Diverged(f"{name} became {'NaN' if math.isnan(value) else 'infinite'} in epoch {epoch}.")
