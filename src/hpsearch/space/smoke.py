"""The smallest study that touches everything a space uses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hpsearch.space.references import names_in
from hpsearch.space.values import Plain

if TYPE_CHECKING:
    from hpsearch.space.space import Space

IMAGES = 500
IMAGES_A_CLASS = 10
_SCHEDULED = ("learning_rate_schedule", "snapshots")


def smoke(space: Space) -> Space:
    """See `Space.smoke`."""
    from hpsearch.space.loading import load

    document = dict(space.resolved)
    training = {key: value for key, value in document["training"].items() if key not in _SCHEDULED}
    retrain = {key: value for key, value in document["retrain"].items() if key not in _SCHEDULED}
    document["training"] = {**training, "epochs": 1}
    document["retrain"] = {**retrain, "top": 1, "repeats": 1, "epochs": 1}
    document["search"] = _search(document["search"])
    document["limits"] = {}
    if "dataset" in document:
        document["dataset"] = _dataset(document["dataset"], space)
    if space.trainer != "simulated":
        document["parameters"] = _used(document)
    return load(document, space.rules.catalogue)


def _search(search: Mapping[str, Plain]) -> dict[str, Plain]:
    kept = {key: value for key, value in search.items() if key not in ("enqueue", "max_trials")}
    if "max_epochs" in search:
        kept = {key: value for key, value in search.items() if key in ("order", "lag")} | {"backend": "random"}
    return {**kept, "max_trials": 2}


def _dataset(dataset: Mapping[str, Plain], space: Space) -> dict[str, Plain]:
    """Fewer images for training and for validation, where there are more."""
    smaller = dict(dataset)
    facts = space.facts
    if facts is None:
        return smaller
    wanted = max(IMAGES, IMAGES_A_CLASS * facts.classes)
    if facts.train_size is None or facts.train_size <= 2 * wanted:
        return smaller
    subset = smaller.get("train_subset")
    if not (isinstance(subset, int) and subset < wanted):
        smaller["train_subset"] = wanted
    part = smaller.get("validation")
    if isinstance(part, int | float):
        images = part * facts.train_size if part < 1 else part
        smaller["validation"] = min(int(images), wanted) if images > wanted else part
    return smaller


def _used(document: Mapping[str, Plain]) -> dict[str, Plain]:
    """The parameters that something still uses, now that schedules are gone."""
    parameters: dict[str, Plain] = dict(document["parameters"])
    while True:
        used = set().union(*(names_in(document.get(key)) for key in ("model", "training", "retrain", "dataset")))
        for text in document.get("constraints", ()):
            used |= set(re.findall(r"[A-Za-z_]\w*", text))
        for name, definition in parameters.items():
            used |= {inner for inner in names_in(definition) if inner != name}
            if isinstance(definition, dict):
                used |= set(definition.get("when", {}))
        kept = {
            name: definition
            for name, definition in parameters.items()
            if name in used or any(re.fullmatch(rf"{re.escape(name)}_\d+", other) for other in used)
        }
        if len(kept) == len(parameters):
            return kept
        parameters = kept
