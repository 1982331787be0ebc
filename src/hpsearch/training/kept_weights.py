"""The weights that a training keeps for its end: one set by `keep`, or one from the end of each cycle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hpsearch.space.configuration import Configuration
from hpsearch.study import Objective
from hpsearch.training.checkpoint import Arrays
from hpsearch.training.keeping import Keeper
from hpsearch.training.schedules import cycle_length


class KeptWeights:
    """Copies of a model's weights, and the rule by which they are taken.

    Attributes:
        combine: how members make one prediction, ``mean`` or ``vote``; None where there is one set of weights.
    """

    def __init__(self, configuration: Configuration, objective: Objective, *, has_validation: bool) -> None:
        """Without validation nothing tells one epoch from another, so that the last weights are kept."""
        snapshots: Mapping[str, Any] | None = configuration.training.get("snapshots")
        self.combine: str | None = None
        self._cycle = 0
        if snapshots is not None:
            self.combine = str(snapshots.get("combine", "mean"))
            self._cycle = cycle_length(int(snapshots["count"]), int(configuration.training["epochs"]))
        stopping = configuration.training.get("early_stopping") or {}
        keep = configuration.keep
        if keep == "last" and stopping.get("restore_best_weights"):
            keep = {"metric": stopping.get("monitor", objective.metric)}
        self._keeper = Keeper(keep if has_validation else "last", objective)
        self._members: list[Arrays] = []

    @property
    def epoch(self) -> int | None:
        """The epoch whose weights are kept; None for an ensemble."""
        return None if self._cycle else self._keeper.epoch

    @property
    def members(self) -> list[Arrays]:
        """The kept sets of weights; empty where the present weights are the ones."""
        return self._members

    def update(self, epoch: int, values: Mapping[str, float], weights: Callable[[], Arrays]) -> None:
        """Take in an epoch's values, and a copy of its `weights` if they are to be kept."""
        if self._cycle:
            if epoch % self._cycle == 0:
                self._members.append(weights())
        elif self._keeper.update(epoch, values):
            # the last weights are those of the model itself: nothing to copy
            self._members = [weights()] if self._keeper.metric is not None else []

    def state(self) -> dict[str, Any]:
        """The rule's memory, as JSON."""
        return self._keeper.state()

    def arrays(self) -> dict[str, Arrays]:
        """The kept sets by name, in order."""
        return {f"kept-{place}": member for place, member in enumerate(self._members)}

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, Arrays]) -> None:
        """Go on from `state` and `arrays`.

        A checkpoint may have been made without the kept weights. What was best before is then gone, and the rule
        starts again with the next epoch.
        """
        self._members = [arrays[name] for name in sorted(arrays, key=lambda name: int(name.split("-")[1]))]
        if self._members or self._keeper.metric is None:
            self._keeper.restore(state)
