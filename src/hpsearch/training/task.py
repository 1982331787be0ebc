"""What a worker is asked to train, and what it gives back: plain data on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hpsearch.space.configuration import Configuration
from hpsearch.study import Objective


@dataclass(frozen=True, slots=True)
class Task:
    """One training: a trial's, or a retrain's.

    Attributes:
        configuration: everything resolved; `configuration.training["epochs"]` is the horizon of schedules.
        objective: metric and direction; its metric is always computed.
        seed: of initial weights, dropout, augmentation and, with the epoch, of data order.
        split_seed: the study's seed: validation split and training subset.
        epochs: train until this many have finished, a restored checkpoint's included.
        keep_weights: whether the checkpoint must hold the weights that `configuration.keep` chooses.
        deterministic: op determinism.
        data_dir: where ``NAME.npz`` data sets lie; None means Keras's own cache alone.
        cache_dir: where decoded arrays are kept for all workers to map.
        custom: whether `module:name` may be imported (only for files given on the command line).
    """

    configuration: Configuration
    objective: Objective
    seed: int
    split_seed: int
    epochs: int
    keep_weights: bool = True
    deterministic: bool = True
    data_dir: str | None = None
    cache_dir: str | None = None
    custom: bool = True


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One finished epoch.

    Attributes:
        epoch: from 1.
        values: every metric by its stored name (``loss``, ``val_loss``, ``accuracy``, ``learning_rate``, ...).
        seconds: of training and validation.
        stopped_early: whether early stopping ends the trial here.
    """

    epoch: int
    values: Mapping[str, float]
    seconds: float
    stopped_early: bool = False


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Test scores of one class."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of kept weights on the test split.

    Attributes:
        metrics: ``accuracy``, ``loss``, ``f1_weighted`` and the study's own metrics, without a prefix.
        classes: in label order.
        confusion: confusion[true][predicted] counts.
        epoch: the epoch whose weights were evaluated; None for an ensemble.
        members: of an ensemble, each member's own metrics.
        examples: some of the test images with what was said of them (`training.examples`); None where there are none.
    """

    metrics: Mapping[str, float]
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    epoch: int | None = None
    members: tuple[Mapping[str, float], ...] = field(default=())
    examples: bytes | None = field(default=None, repr=False)


class Trainer(Protocol):
    """One training in one process, an epoch at a time."""

    @property
    def epoch(self) -> int:
        """How many epochs have finished, a restored checkpoint's included."""
        ...

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping has ended this training."""
        ...

    def advance(self) -> EpochResult:
        """Train and validate one epoch. Raises Diverged, OutOfMemory or BuildError; other exceptions are errors."""
        ...

    def checkpoint(self) -> bytes:
        """Everything needed to go on bit for bit, and the kept weights."""
        ...

    def restore(self, checkpoint: bytes) -> None:
        """Go on from `checkpoint`, of this task or of its parent's."""
        ...

    def evaluate(self) -> Evaluation | None:
        """Scores of the kept weights on the test split, which only this reads; None without test labels."""
        ...

    def model_file(self) -> bytes:
        """The kept weights as a `.keras` file of plain Keras layers that takes raw pixels."""
        ...


TrainerFactory = Any  # callable(task: Task) -> Trainer, named in the registry as "module:attribute"
