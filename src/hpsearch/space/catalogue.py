"""What upper rooms know and the language must ask, as one protocol; `space` imports none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hpsearch.space.values import Plain


class Kind(StrEnum):
    """What a name in a space file may name."""

    LAYER = "layer"
    AUGMENTATION = "augmentation"
    OPTIMIZER = "optimizer"
    LOSS = "loss"
    METRIC = "metric"
    REGULARIZER = "regularizer"
    ACTIVATION = "activation"
    EARLY_STOPPING = "early_stopping"  # its one name is ""
    REDUCE_ON_PLATEAU = "reduce_on_plateau"  # its one name is ""
    DATASET = "dataset"
    TRAINER = "trainer"
    BACKEND = "backend"
    SAMPLER = "sampler"
    PRUNER = "pruner"


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments that a name takes, in the order of its constructor."""

    arguments: tuple[str, ...]
    required: frozenset[str] = frozenset()

    @property
    def first(self) -> str | None:
        """The argument that ``Layer: value`` stands for."""
        return self.arguments[0] if self.arguments else None


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What the language needs to know of a data set, known without loading the named ones."""

    classes: int
    input_shape: tuple[int, ...]  # (height, width, channels) or (features,)
    train_size: int | None = None  # images of the training split, before validation is split off
    own_validation: bool = False  # brings validation images along, so `validation` is left out


class Catalogue(Protocol):
    """Names, signatures and facts from the rooms above: Keras's, the data sets', the search backends'."""

    def names(self, kind: Kind) -> Sequence[str]:
        """All valid names of `kind`, for the check and for the nearest one in an error."""
        ...

    def signature(self, kind: Kind, name: str) -> Signature:
        """The arguments of `name`, one of `names(kind)` or a `module:Class` that was found."""
        ...

    def problem(self, kind: Kind, name: str, arguments: Mapping[str, Plain]) -> str | None:
        """One sentence where `name` with these resolved arguments cannot be made, else None."""
        ...

    def model_problem(self, layers: Sequence[Plain], facts: DataFacts) -> str | None:
        """One sentence where no model can be built of these resolved layers for these data, else None."""
        ...

    def metric_name(self, metric: Plain) -> str:
        """The documented name under which a metric (a name or ``{Class: arguments}``) is stored: ``f1_weighted``."""
        ...

    def metric_direction(self, metric: str) -> str | None:
        """``maximize`` or ``minimize`` for a stored metric name with or without ``val_``; None for one of one's own."""
        ...

    def data_facts(self, dataset: Mapping[str, Plain]) -> DataFacts:
        """Classes and shape of a data set (resolved settings); raises DataError with one sentence."""
        ...
