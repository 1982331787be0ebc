"""What of a training is compiled in, and what is a number that may change: the key under which an epoch is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from hpsearch.space.values import Plain

VARIABLE_RATES = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
SIZES = {"Conv2D": ("filters", "kernel_size"), "Dense": ("units",)}
ANY_NUMBER = "*"


def structure_key(
    layers: Sequence[Plain], optimizer: Mapping[str, Plain], *, elastic: bool = False, **rest: object
) -> str:
    """A text that is equal for two trainings exactly when one compiled epoch serves both.

    Dropout rates, strengths of regularizers, learning rate, weight decay and SGD's momentum are left out.

    Args:
        layers: as in `Configuration.layers`.
        optimizer: ``{"name": ..., ...}``.
        elastic: leave out the sizes of convolutions and dense layers too.
        rest: whatever else is compiled in, as JSON.
    """
    parts = {"layers": _without_numbers(list(layers), elastic), "optimizer": _optimizer_structure(optimizer), **rest}
    return json.dumps(parts, sort_keys=True)


def sizeless_structure(layers: Sequence[Plain], training: Mapping[str, Plain]) -> str:
    """A text that differs for trainings of a study which cannot share a compiled epoch: a guess without the model."""
    optimizer = training["optimizer"]
    return structure_key(
        layers,
        optimizer if isinstance(optimizer, Mapping) else {"name": optimizer},
        elastic=True,
        **{name: training.get(name) for name in ("loss", "augmentation", "mixed_precision", "metrics", "batch_size")},
    )


def names_own_code(*settings: Plain) -> bool:
    """Whether a ``module:name`` stands anywhere in `settings`."""
    for part in settings:
        if isinstance(part, str) and ":" in part:
            return True
        if isinstance(part, Mapping) and names_own_code(*part.keys(), *part.values()):
            return True
        if isinstance(part, list | tuple) and names_own_code(*part):
            return True
    return False


def _without_numbers(item: Plain, elastic: bool) -> Plain:
    if isinstance(item, list | tuple):
        return [_without_numbers(part, elastic) for part in item]
    if not isinstance(item, Mapping):
        return item
    return {key: _layer_structure(key, value, elastic) for key, value in item.items()}


def _layer_structure(key: str, value: Plain, elastic: bool) -> Plain:
    free = ("rate",) if key in VARIABLE_RATES else SIZES.get(key, ()) if elastic else ()
    if free:
        rest = _without_numbers(value, elastic) if isinstance(value, Mapping) else {}
        return {**rest, **dict.fromkeys(free, ANY_NUMBER)}
    if key.endswith("_regularizer") and isinstance(value, Mapping):
        return dict.fromkeys(value, ANY_NUMBER)
    return _without_numbers(value, elastic)


def _optimizer_structure(optimizer: Mapping[str, Plain]) -> Plain:
    structure = {key: value for key, value in optimizer.items() if key != "learning_rate"}
    if structure.get("weight_decay") is not None:
        structure["weight_decay"] = ANY_NUMBER
    if str(structure.get("name")).lower() == "sgd":
        structure.pop("momentum", None)
    return structure
