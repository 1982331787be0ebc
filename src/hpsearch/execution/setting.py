"""Where and how jobs run: what is neither asked of a study nor found out."""

from __future__ import annotations

from dataclasses import dataclass

from hpsearch.execution.messages import CHECKPOINT_SECONDS


@dataclass(frozen=True, slots=True)
class Setting:
    """What jobs get beside their task.

    Attributes:
        data_dir: where ``NAME.npz`` data sets lie; None means Keras's own cache alone.
        cache_dir: where decoded arrays are kept for all workers to map.
        keep_best: checkpoints of that many best trials are kept for an evaluation without a retrain.
        checkpoint_seconds: of training, after which a worker makes a checkpoint.
    """

    data_dir: str | None = None
    cache_dir: str | None = None
    keep_best: int = 0
    checkpoint_seconds: float = CHECKPOINT_SECONDS
