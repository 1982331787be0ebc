"""Names with arguments: layers, optimizers, losses, metrics, checked against the catalogue's signatures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hpsearch.space.catalogue import Catalogue, Kind
from hpsearch.space.checking import Fault
from hpsearch.space.problems import did_you_mean, show
from hpsearch.space.values import Plain, is_number

CUSTOM = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
REGULARIZERS = ("l1", "l2")

_WORDS = {
    Kind.LAYER: "layer",
    Kind.AUGMENTATION: "augmentation layer",
    Kind.OPTIMIZER: "optimizer",
    Kind.LOSS: "loss",
    Kind.METRIC: "metric",
    Kind.ACTIVATION: "activation",
    Kind.DATASET: "data set",
    Kind.TRAINER: "trainer",
    Kind.BACKEND: "search backend",
    Kind.SAMPLER: "sampler",
    Kind.PRUNER: "pruner",
}


def name_fault(catalogue: Catalogue, kind: Kind, name: Plain) -> Fault | None:
    """What is wrong with a name of `kind`; None where it is one, or a ``module:name``."""
    if not isinstance(name, str):
        return Fault(f"{show(name)} is no {_WORDS[kind]}; a name was expected", structural=False)
    if CUSTOM.fullmatch(name):
        return None
    if kind is Kind.LAYER and name in ("Input", "InputLayer"):
        return Fault(f"`{name}` is added by itself, with the shape of the data: leave it out")
    names = catalogue.names(kind)
    if name in names:
        return None
    article = "an" if _WORDS[kind][0] in "aeiou" else "a"
    return Fault(f"`{name}` is not {article} {_WORDS[kind]}{did_you_mean(name, list(names))}", structural=False)


def split_item(item: Plain) -> tuple[Plain, Plain]:
    """Name and value of ``name``, ``{name: arguments}`` or ``{name: value}``; the value is ``{}`` for a bare name."""
    if isinstance(item, Mapping) and len(item) == 1:
        return next(iter(item.items()))
    return item, {}


def named_arguments(catalogue: Catalogue, kind: Kind, name: str, value: Plain) -> Mapping[str, Plain]:
    """The arguments by name; a value that is no mapping is the constructor's first argument."""
    if isinstance(value, Mapping):
        return value
    first = catalogue.signature(kind, name).first
    return {first: value} if first is not None else {}


def call_faults(
    catalogue: Catalogue, kind: Kind, name: str, arguments: Mapping[str, Plain], label: str | None = None
) -> Iterator[Fault]:
    """What is wrong with the arguments of a known name, which a sentence calls `label`, by default its name."""
    what = f"`{label or name}`"
    if CUSTOM.fullmatch(name) and (problem := catalogue.problem(kind, name, arguments)) is not None:
        yield Fault(problem.rstrip("."), structural=False)
        return
    signature = catalogue.signature(kind, name)
    known = list(signature.arguments)
    meant = set()
    unknown = [key for key in arguments if key not in known]
    for key in unknown:
        suggestion = did_you_mean(key, [other for other in known if other not in arguments])
        meant.add(suggestion.partition("`")[2].rstrip("`?"))
        yield Fault(f"{what} has no argument `{key}`{suggestion}", (key,))
    for key in signature.arguments:
        if key in signature.required and key not in arguments and key not in meant:
            yield Fault(f"{what} needs `{key}`", missing=key)
            unknown.append(key)
    regular = list(_regularizer_faults(arguments))
    yield from regular
    if not unknown and not regular and (problem := catalogue.problem(kind, name, arguments)) is not None:
        yield Fault(problem.rstrip("."), structural=False)


def _regularizer_faults(arguments: Mapping[str, Plain]) -> Iterator[Fault]:
    for key, value in arguments.items():
        if not key.endswith("_regularizer") or not isinstance(value, Mapping):
            continue
        for name, strength in value.items():
            if name not in REGULARIZERS:
                yield Fault(f"`{key}` has no `{name}`{did_you_mean(name, REGULARIZERS)}", (key, name))
            elif not is_number(strength) or strength < 0:
                yield Fault(
                    f"`{name}` of `{key}` is {show(strength)}, but a number from 0 was expected",
                    (key, name),
                    structural=False,
                )
