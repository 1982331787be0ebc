"""The sections of a space that steer the search and what follows it, checked and with defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hpsearch.space.values import Plain, Scalar


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The `search` section.

    Attributes:
        backend: ``random``, ``grid``, ``hyperband``, ``bayesian``, ``optuna``: a name of the backend registry.
        arguments: the backend's own keys with defaults: ``max_epochs``, ``factor``, ``iterations``, ``sampler``,
            ``pruner``.
        max_trials: valid trials at most; None where the backend's plan (hyperband) or the grid decides.
        order: ``number`` or ``finished``; None where left out (the backend's default holds).
        lag: None where left out.
        enqueue: configurations to try first, each exactly its active parameters.
    """

    backend: str
    arguments: Mapping[str, Plain]
    max_trials: int | None = None
    order: str | None = None
    lag: int | None = None
    enqueue: tuple[Mapping[str, Scalar], ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """The `limits` section; durations in seconds."""

    timeout: float | None = None
    target: float | None = None
    max_epochs_total: int | None = None
    trial_timeout: float | None = None
    epoch_timeout: float = 600.0
    retries: int = 1
    max_consecutive_failures: int = 5


@dataclass(frozen=True, slots=True)
class RetrainSettings:
    """The `retrain` section, but for what a trial's parameters decide (see `Space.retrain_configuration`).

    Attributes:
        top: how many of the best trials; None means all.
        repeats: seeds for each.
        changes: whether anything but the seed differs from the search (epochs, a training key, validation, repeats);
            where nothing does, a winner's kept weights are evaluated instead of trained again.
        written: keys of the section as written, for the summary.
    """

    top: int | None = 1
    repeats: int = 1
    changes: bool = False
    written: Mapping[str, Plain] = field(default_factory=dict)
