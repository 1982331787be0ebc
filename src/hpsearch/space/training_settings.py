"""The keys of `training`, which `retrain` takes too: what each may be, and its normal form."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hpsearch.space.calls import CUSTOM, call_faults, name_fault, named_arguments, split_item
from hpsearch.space.catalogue import Catalogue, Kind
from hpsearch.space.checking import Fault
from hpsearch.space.layers import layer_faults
from hpsearch.space.problems import did_you_mean, listing, nearest, show
from hpsearch.space.references import ABSENT
from hpsearch.space.values import MOST_COUNT, Pairs, Plain, is_number, is_scalar, is_whole

OFF_BY_DEFAULT = ("augmentation", "learning_rate_schedule", "early_stopping", "reduce_on_plateau")
WATCHING = {"early_stopping": Kind.EARLY_STOPPING, "reduce_on_plateau": Kind.REDUCE_ON_PLATEAU}
KEYS = ("epochs", "batch_size", "optimizer", "loss", "metrics", *OFF_BY_DEFAULT, "mixed_precision", "deterministic")
DEFAULTS: Mapping[str, Plain] = {"batch_size": 32, "metrics": ["accuracy"]}

_SHAPES = ("cosine", "triangular")
_SCHEDULES: Mapping[str, Sequence[str]] = {
    "steps": ("steps",),
    "every": ("every", "factor"),
    "cosine": ("cosine",),
    "cyclic": ("cyclic",),
}


def is_off(value: Plain) -> bool:
    """Whether `value` turns a key off that is off by default."""
    return value is None or value is ABSENT or value == "none" or value == []


@dataclass(frozen=True, slots=True)
class SettingRules:
    """Checks of resolved values, one for each key.

    Attributes:
        measured: names of the values that an epoch has, for whatever watches one.
    """

    catalogue: Catalogue
    measured: tuple[str, ...]

    def faults(self, key: str, value: Plain) -> Iterator[Fault]:
        """What is wrong with the value of `key`."""
        if key in OFF_BY_DEFAULT and is_off(value) and (value != [] or key == "augmentation"):
            return
        if value is ABSENT:
            if key not in ("batch_size", "metrics", "mixed_precision", "deterministic"):
                yield Fault(f"`{key}` needs a value", missing=key)
            return
        rule: Callable[[str, Plain], Iterator[Fault]] = {
            "epochs": count_faults,
            "batch_size": count_faults,
            "optimizer": self._optimizer,
            "loss": self._loss,
            "metrics": self._metrics,
            "augmentation": self._augmentation,
            "learning_rate_schedule": _schedule_faults,
            "early_stopping": self._watcher,
            "reduce_on_plateau": self._watcher,
            "mixed_precision": _switch_faults,
            "deterministic": _switch_faults,
        }[key]
        yield from rule(key, value)

    def _optimizer(self, key: str, value: Plain) -> Iterator[Fault]:
        if not isinstance(value, str | Mapping):
            yield Fault(
                f"`optimizer` is {show(value)}, but a name or {{name: ..., ...}} was expected", structural=False
            )
            return
        arguments = dict(value) if isinstance(value, Mapping) else {"name": value}
        if "name" not in arguments:
            meant = nearest("name", arguments)
            if meant is None:
                yield Fault("`optimizer` needs `name`", missing="name")
            else:
                yield Fault(f"`optimizer` has no `{meant}`; did you mean `name`?", (meant,))
            return
        name = arguments.pop("name")
        if (fault := name_fault(self.catalogue, Kind.OPTIMIZER, name)) is not None:
            yield Fault(fault.message, ("name",) if isinstance(value, Mapping) else (), structural=False)
            return
        yield from call_faults(self.catalogue, Kind.OPTIMIZER, name, arguments)

    def _loss(self, key: str, value: Plain) -> Iterator[Fault]:
        yield from self._named(Kind.LOSS, value)

    def _metrics(self, key: str, value: Plain) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield Fault(f"`metrics` is {show(value)}, but a list such as [accuracy] was expected", structural=False)
            return
        stored: list[str] = []
        for number, metric in enumerate(value):
            faults = [
                Fault(f.message, (number, *f.place), f.structural, f.missing) for f in self._named(Kind.METRIC, metric)
            ]
            yield from faults
            if not faults:
                name = self.catalogue.metric_name(metric)
                if name in stored:
                    yield Fault(
                        f"Two metrics are stored under the name `{name}`; keep one of them", (number,), structural=False
                    )
                stored.append(name)

    def _named(self, kind: Kind, value: Plain) -> Iterator[Fault]:
        if not isinstance(value, str) and not (isinstance(value, Mapping) and len(value) == 1):
            yield Fault(
                f"{show(value)} is no {kind.value}; a name or one {{Class: {{...}}}} was expected", structural=False
            )
            return
        name, arguments = split_item(value)
        if (fault := name_fault(self.catalogue, kind, name)) is not None:
            yield Fault(fault.message, (), structural=False)
        elif not isinstance(arguments, Mapping):
            yield Fault(
                f"The arguments of `{name}` are {show(arguments)}, but a mapping was expected", structural=False
            )
        elif arguments or CUSTOM.fullmatch(name):
            for fault in call_faults(self.catalogue, kind, name, arguments):
                yield Fault(fault.message, (name, *fault.place), fault.structural, fault.missing)

    def _augmentation(self, key: str, value: Plain) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield Fault(f"`augmentation` is {show(value)}, but a list of layers or none was expected", structural=False)
            return
        for number, item in enumerate(value):
            if not isinstance(item, str) and not (isinstance(item, Mapping) and len(item) == 1):
                yield Fault(
                    f"{show(item)} is no augmentation layer; a name or one `Name: arguments` was expected", (number,)
                )
                continue
            for fault in layer_faults(self.catalogue, Kind.AUGMENTATION, item, item):
                yield Fault(fault.message, (number, *fault.place), fault.structural, fault.missing)

    def _watcher(self, key: str, value: Plain) -> Iterator[Fault]:
        if not isinstance(value, Mapping):
            yield Fault(
                f"`{key}` is {show(value)}, but a mapping of Keras's arguments or none was expected", structural=False
            )
            return
        monitor = value.get("monitor")
        if monitor is not None and monitor not in self.measured:
            yield Fault(
                f"`{key}` watches {show(monitor)}, which is not measured{did_you_mean(str(monitor), self.measured)}",
                ("monitor",),
                structural=False,
            )
            return
        yield from call_faults(self.catalogue, WATCHING[key], "", value, label=key)

    def normal(self, key: str, value: Plain, objective_metric: str) -> Plain:
        """The form of a sound value that a training gets."""
        if key == "optimizer" and isinstance(value, str):
            return {"name": value}
        if key in ("epochs", "batch_size"):
            return int(value)
        if key in WATCHING:
            return {**value, "monitor": value.get("monitor") or objective_metric}
        if key == "augmentation":
            return [self._normal_layer(item) for item in value]
        if key == "learning_rate_schedule":
            return normal_schedule(value)
        return value

    def _normal_layer(self, item: Plain) -> Plain:
        name, value = split_item(item)
        arguments = named_arguments(self.catalogue, Kind.AUGMENTATION, name, value)
        return {name: dict(arguments)} if arguments else name


def count_faults(key: str, value: Plain, least: int = 1) -> Iterator[Fault]:
    """What is wrong with a whole number from `least`."""
    if not is_whole(value) or value < least:
        yield Fault(f"`{key}` is {show(value)}, but a whole number from {least} was expected", structural=False)
    elif value > MOST_COUNT:
        yield Fault(f"`{key}` is {show(value)}, but whole numbers go up to {MOST_COUNT} here", structural=False)


def _switch_faults(key: str, value: Plain) -> Iterator[Fault]:
    if not isinstance(value, bool):
        yield Fault(f"`{key}` is {show(value)}, but true or false was expected", structural=False)


# Schedules -----------------------------------------------------------------------------------------------------------


def steps_of(value: Plain) -> list[tuple[Plain, Plain]] | None:
    """Epoch and factor of each step; None where `value` is no such mapping."""
    if isinstance(value, Mapping):
        return [(int(epoch) if epoch.isdecimal() else epoch, factor) for epoch, factor in value.items()]
    if isinstance(value, list) and all(isinstance(item, list) and len(item) == 2 for item in value):
        return [(epoch, factor) for epoch, factor in value]
    return None


def _schedule_faults(key: str, value: Plain) -> Iterator[Fault]:
    forms = [form for form in _SCHEDULES if isinstance(value, Mapping) and form in value]
    if len(forms) != 1:
        unknown = [name for name in value if name not in ("factor", *_SCHEDULES)] if isinstance(value, Mapping) else []
        if unknown and not forms:
            yield Fault(f"`{key}` has no `{unknown[0]}`{did_you_mean(unknown[0], list(_SCHEDULES))}", (unknown[0],))
        elif isinstance(value, Mapping) and "factor" in value and not forms:
            yield Fault(f"`{key}` needs `every`", missing="every")
        else:
            yield Fault(f"`{key}` is {show(value)}, but one of {listing(_SCHEDULES)} was expected")
        return
    form = forms[0]
    known = _SCHEDULES[form]
    unknown = [name for name in value if name not in known]
    for name in unknown:
        yield Fault(f"A schedule of `{form}` has no `{name}`{did_you_mean(name, list(known))}", (name,))
    for name in known:
        if name not in value and not unknown:
            yield Fault(f"A schedule of `{form}` needs `{name}`", missing=name)
    if form == "steps":
        yield from _steps_faults(value["steps"])
    elif form == "every":
        yield from (Fault(f.message, ("every",), structural=False) for f in count_faults("every", value["every"]))
        yield from _number_faults(value, ("factor",), above_zero=True)
    else:
        yield from _wave_faults(form, {} if value[form] is None else value[form])


def _steps_faults(steps: Plain) -> Iterator[Fault]:
    pairs = steps_of(steps)
    if not pairs:
        yield Fault(f"`steps` is {show(steps)}, but a mapping of epochs to factors was expected", ("steps",))
        return
    epochs = [epoch for epoch, _ in pairs]
    for number, (epoch, factor) in enumerate(pairs):
        at: tuple[str | int, ...] = ("steps", number, 1) if isinstance(steps, Pairs) else ("steps",)
        if not is_whole(epoch) or epoch < 1:
            yield Fault(f"`steps` has the epoch {show(epoch)}, but epochs are whole numbers from 1", at)
        elif epoch in epochs[:number]:
            yield Fault(f"`steps` has the epoch {show(epoch)} twice; keep one of them", at)
        elif not is_number(factor) or factor < 0:
            yield Fault(
                f"The factor from epoch {epoch} on is {show(factor)}, but a number from 0 was expected",
                at,
                structural=False,
            )


def _wave_faults(form: str, value: Plain) -> Iterator[Fault]:
    known = ("warmup", "final") if form == "cosine" else ("cycles", "shape", "final")
    if not isinstance(value, Mapping):
        yield Fault(f"`{form}` is {show(value)}, but a mapping of {listing(known)} was expected", (form,))
        return
    unknown = [name for name in value if name not in known]
    for name in unknown:
        yield Fault(f"`{form}` has no `{name}`{did_you_mean(name, list(known))}", (form, name))
    if form == "cyclic" and "cycles" not in value and not unknown:
        yield Fault("`cyclic` needs `cycles`", (form,), missing="cycles")
    for name, least in (("warmup", 0), ("cycles", 1)):
        if name in value and name in known:
            yield from (
                Fault(f.message, (form, name), structural=False) for f in count_faults(name, value[name], least)
            )
    if form == "cyclic" and value.get("shape", _SHAPES[0]) not in _SHAPES:
        shape = value["shape"]
        yield Fault(f"`shape` is {show(shape)}{did_you_mean(str(shape), _SHAPES)}", (form, "shape"), structural=False)
    for fault in _number_faults(value, ("final",)):
        yield Fault(fault.message, (form, *fault.place), structural=False)


def _number_faults(value: Mapping[str, Plain], keys: Sequence[str], *, above_zero: bool = False) -> Iterator[Fault]:
    for key in keys:
        number = value.get(key, 1)
        if not is_number(number) or number < 0 or (above_zero and number == 0):
            wanted = "a number above 0" if above_zero else "a number from 0"
            yield Fault(f"`{key}` is {show(number)}, but {wanted} was expected", (key,), structural=False)


def normal_schedule(value: Mapping[str, Plain]) -> Plain:
    """A schedule with its defaults; the epochs of `steps` are text, as JSON has keys."""
    if "steps" in value:
        return {"steps": {str(int(epoch)): factor for epoch, factor in steps_of(value["steps"]) or ()}}
    if "cosine" in value:
        return {"cosine": {"warmup": 0, "final": 0.0, **(value["cosine"] or {})}}
    if "cyclic" in value:
        return {"cyclic": {"shape": _SHAPES[0], "final": 0.0, **value["cyclic"]}}
    return dict(value)


def cycles_of(schedule: Plain) -> int | None:
    """The cycles of a sound cyclic schedule; None for any other."""
    cyclic = schedule.get("cyclic") if isinstance(schedule, Mapping) else None
    cycles = cyclic.get("cycles") if isinstance(cyclic, Mapping) else None
    return int(cycles) if is_whole(cycles) and cycles >= 1 else None


def horizon_faults(value: Plain) -> Iterator[Fault]:
    """What is wrong with a schedule together with its horizon, ``{learning_rate_schedule: ..., epochs: ...}``."""
    if not isinstance(value, Mapping):
        return
    cycles, epochs = cycles_of(value.get("learning_rate_schedule")), value.get("epochs")
    if cycles is not None and is_whole(epochs) and epochs >= 1 and epochs % cycles:
        yield Fault(
            f"{cycles} cycles do not divide {int(epochs)} epochs; choose numbers that do",
            ("learning_rate_schedule", "cyclic", "cycles"),
            structural=False,
        )


def share_or_count_faults(key: str, value: Plain) -> Iterator[Fault]:
    """What is wrong with a part of the images: a share between 0 and 1, or a count."""
    if not is_number(value) or value <= 0:
        yield Fault(
            f"`{key}` is {show(value)}, but a share between 0 and 1 or a count of images was expected", structural=False
        )
    elif value > 1 and not is_whole(value):
        yield Fault(f"`{key}` is {show(value)}, but a count of images is a whole number", structural=False)


def draw_faults(key: str, value: int | float, available: int, classes: int, *, keep_rest: bool) -> Iterator[Fault]:
    """What is wrong with a sound part of `available` images: a draw, and the rest if it is kept, needs every class."""
    count = images_in(value, available)
    left = "" if keep_rest else " left"
    if count > available or (keep_rest and count == available):
        yield Fault(f"`{key}` is {show(value)}, but there are only {available} training images{left}", structural=False)
    elif count < classes:
        yield Fault(
            f"`{key}` is {show(value)}, which is too few: each of the {classes} classes needs an image",
            structural=False,
        )
    elif keep_rest and available - count < classes:
        yield Fault(
            f"`{key}` is {show(value)}, which leaves too few of {available} images to train on: each of the {classes} "
            "classes needs one",
            structural=False,
        )


def images_in(value: int | float, available: int) -> int:
    """How many of `available` images a sound part means; a share is rounded up."""
    return math.ceil(value * available - 1e-9) if is_share(value) else int(value)


def is_share(value: Plain) -> bool:
    """Whether a sound part is a share: below 1, or written with a point."""
    return is_scalar(value) and (value < 1 or (isinstance(value, float) and value == 1))
