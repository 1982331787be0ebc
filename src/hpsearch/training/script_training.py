"""Compiling and fitting as lines of a script."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

import keras

from hpsearch.space.configuration import Configuration
from hpsearch.space.values import Plain
from hpsearch.study import Objective
from hpsearch.training.keras_names import losses, metric_of, optimizers
from hpsearch.training.layer_calls import load
from hpsearch.training.losses_metrics import metric_name
from hpsearch.training.schedules import cycle_length, make_schedule
from hpsearch.training.script_calls import arguments_text, call_text, name_and_arguments
from hpsearch.training.script_data import ScriptData
from hpsearch.training.stopping import direction_of

_BATCHES = '''\
class Batches(keras.utils.PyDataset):
    """Augmented batches, in a new order every epoch."""

    def __init__(self, images, labels, size):
        super().__init__()
        self.images, self.labels, self.size = images, labels, size
        self.order = np.random.permutation(len(images))

    def __len__(self):
        return -(-len(self.images) // self.size)

    def __getitem__(self, index):
        chosen = self.order[index * self.size : (index + 1) * self.size]
        batch = {"images": self.images[chosen].astype("float32"), "labels": self.labels[chosen]}
        for layer in augmentation:
            if isinstance(layer, (keras.layers.MixUp, keras.layers.CutMix)):
                batch = layer(batch, training=True)
            else:
                batch["images"] = layer(batch["images"], training=True)
        return batch["images"], batch["labels"]

    def on_epoch_end(self):
        np.random.shuffle(self.order)
'''


def needs_one_hot(training: Mapping[str, Plain], objective: Objective) -> bool:
    """Whether the loss, a metric or an augmentation compares or mixes shares of classes."""
    wishes = (training["loss"], *training.get("metrics", ()), objective.metric.removeprefix("val_"))
    names = [name_and_arguments(wish)[0] for wish in wishes]
    mixing = {name_and_arguments(item)[0] for item in training.get("augmentation") or ()} & {"MixUp", "CutMix"}
    integers = re.compile(r"loss|accuracy|top_\d+_accuracy|sparse_.*|Sparse.*|.*:.*")
    return bool(mixing) or not all(integers.fullmatch(name) for name in names)


def compile_lines(training: Mapping[str, Plain], objective: Objective) -> list[str]:
    """``model.compile(...)``, the objective's metric among the metrics."""
    one_hot = needs_one_hot(training, objective)
    wished: dict[str, Plain] = {}
    for wish in (*training.get("metrics", ["accuracy"]), objective.metric.removeprefix("val_")):
        if wish != "loss":
            wished.setdefault(metric_name(wish), wish)
    metrics = ", ".join(_metric(wish, stored, one_hot) for stored, wish in wished.items())
    optimizer, arguments = training["optimizer"], {}
    if not isinstance(optimizer, str):
        arguments = {key: value for key, value in optimizer.items() if key != "name"}
        optimizer = optimizer["name"]
    table = optimizers()
    return [
        "model.compile(",
        f"    optimizer={call_text(optimizer if ':' in optimizer else table[optimizer], arguments)},",
        f"    loss={_loss(training['loss'], one_hot)},",
        f"    metrics=[{metrics}],",
        ")",
    ]


def fit_lines(configuration: Configuration, objective: Objective, data: ScriptData) -> list[str]:
    """``model.fit(...)`` with its callbacks, and the weights that the configuration keeps."""
    training = configuration.training
    epochs, batch_size = int(training["epochs"]), int(training.get("batch_size", 32))
    watched = _watched(configuration.keep, objective) if data.has_validation else None
    lines = [_BATCHES, ""] if training.get("augmentation") else []
    schedule = training.get("learning_rate_schedule")
    if schedule:
        factor = make_schedule(schedule, epochs)
        factors = [float(f"{factor(epoch):.9g}") for epoch in range(1, epochs + 1)]
        lines += [f"factors = {factors}  # of the initial learning rate, epoch by epoch"]
        lines += ["initial_rate = float(model.optimizer.learning_rate)"]
    lines += ["callbacks = [", *(f"    {text}," for text in _callbacks(training, objective, watched)), "]"]
    source = f"x_train, y_train, batch_size={batch_size}"
    if training.get("augmentation"):
        source = f"Batches(x_train, y_train, {batch_size})"
    validation = ", validation_data=(x_validation, y_validation)" if data.has_validation else ""
    lines += [f"model.fit({source}, epochs={epochs}{validation}, callbacks=callbacks)"]
    return [*lines, 'model.load_weights("best.weights.h5")'] if watched is not None else lines


def _callbacks(training: Mapping[str, Plain], objective: Objective, watched: str | None) -> list[str]:
    callbacks = keras.callbacks
    texts = []
    plateau, stopping = training.get("reduce_on_plateau"), training.get("early_stopping")
    if training.get("learning_rate_schedule"):
        # what a plateau has taken off the rate stays off: each epoch changes the rate by the schedule's step
        step = "rate * factors[epoch] / (factors[epoch - 1] if epoch else 1.0)"
        rate = step if plateau is not None else "initial_rate * factors[epoch]"
        texts.append(f"keras.callbacks.LearningRateScheduler(lambda epoch, rate: {rate})")
    for settings, kind in ((plateau, callbacks.ReduceLROnPlateau), (stopping, callbacks.EarlyStopping)):
        if settings is not None:
            monitor = str(settings.get("monitor") or objective.metric)
            mode = direction_of(monitor, objective, str(settings.get("mode", "auto"))).value[:3]
            texts.append(call_text(kind, {**settings, "monitor": monitor, "mode": mode}))
    if watched is not None:
        mode = direction_of(watched, objective).value[:3]
        arguments = {"monitor": watched, "mode": mode, "save_best_only": True, "save_weights_only": True}
        texts.append(call_text(callbacks.ModelCheckpoint, {"filepath": "best.weights.h5", **arguments}))
    if training.get("snapshots"):
        every_epoch = {"filepath": "epoch-{epoch}.weights.h5", "save_weights_only": True}
        texts.append(call_text(callbacks.ModelCheckpoint, every_epoch))
    return texts


def ensemble_lines(training: Mapping[str, Plain], classes: int) -> list[str]:
    """The ensemble of the cycles' ends as `model`, where the training takes snapshots."""
    snapshots = training.get("snapshots")
    if not snapshots:
        return []
    count = int(snapshots["count"])
    length = cycle_length(count, int(training["epochs"]))
    vote = f"outputs = [keras.ops.one_hot(keras.ops.argmax(output, axis=-1), {classes}) for output in outputs]"
    return [
        f"members = [keras.models.clone_model(model) for _ in range({count})]",
        "for number, member in enumerate(members, 1):",
        f'    member.load_weights(f"epoch-{{number * {length}}}.weights.h5")',
        '    member.name = f"member_{number}"',
        "outputs = [member(inputs) for member in members]",
        *([vote] if snapshots.get("combine") == "vote" else []),
        "model = keras.Model(inputs, keras.ops.mean(keras.ops.stack(outputs), axis=0))",
    ]


def _watched(keep: Plain, objective: Objective) -> str | None:
    """The metric whose best epoch's weights are kept; None for the last ones."""
    if keep == "last":
        return None
    return objective.metric if keep == "best" else str(keep["metric"])


def _loss(wish: Plain, one_hot: bool) -> str:
    name, arguments = name_and_arguments(wish)
    if ":" in name:
        return _own(name, arguments)
    found = losses()[name]
    if one_hot and found is keras.losses.SparseCategoricalCrossentropy:
        found = keras.losses.CategoricalCrossentropy
    return call_text(found, arguments)


def _own(name: str, arguments: Mapping[str, Plain]) -> str:
    """A loss or metric of one's own, with its arguments where it has some."""
    if arguments and not inspect.isclass(load(name)):
        call = f"{name.replace(':', '.')}(labels, predictions, {arguments_text(arguments)})"
        return f"lambda labels, predictions: {call}"
    return call_text(name, arguments) if arguments else name.replace(":", ".")


def _metric(wish: Plain, stored: str, one_hot: bool) -> str:
    name, arguments = name_and_arguments(wish)
    if ":" in name:
        return _own(name, arguments)
    found: Any = metric_of(name)
    if name.startswith("f1_"):
        arguments = {"average": name.removeprefix("f1_")}
    elif top := re.fullmatch(r"top_(\d+)_accuracy", name):
        arguments = {"k": int(top[1])}
    if one_hot and found.__name__.startswith("Sparse"):
        found = getattr(keras.metrics, found.__name__.removeprefix("Sparse"))
    return call_text(found, {**arguments, "name": stored})
