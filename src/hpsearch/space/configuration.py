"""One drawn configuration with every reference resolved: what a trial trains, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hpsearch.space.values import Plain


@dataclass(frozen=True, slots=True)
class Configuration:
    """Data, layers and training of one trial. No reference, repeat or switch is left; JSON can say all of it.

    Attributes:
        dataset: ``name``, ``validation``, ``train_subset``, ``rescale``, ``path``, ... as the language has them.
        layers: in order, each a name, ``{name: value}``, ``{name: {argument: value}}`` or ``{"residual": [layers]}``.
        training: ``trainer``, ``epochs`` (the full budget: the horizon of every schedule), ``batch_size``,
            ``optimizer`` (``{"name": ..., ...}``), ``loss``, ``metrics``, and where they are on ``augmentation``,
            ``learning_rate_schedule``, ``early_stopping``, ``reduce_on_plateau``, ``mixed_precision``; keys that are
            off are absent. For ``simulated`` also its own keys and ``parameters``, the drawn ones.
        keep: which weights a trial keeps: ``best``, ``last`` or ``{"metric": name}``.
    """

    dataset: Mapping[str, Plain]
    layers: tuple[Plain, ...]
    training: Mapping[str, Plain]
    keep: Plain = "best"
