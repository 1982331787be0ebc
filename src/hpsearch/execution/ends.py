"""Whether a search, or one of its trials, has to end, and why."""

from __future__ import annotations

from hpsearch.execution.limits import Budget, End, meets_target
from hpsearch.space.settings import Limits
from hpsearch.study import Objective

_START_SECONDS = 1_800.0


class Ends:
    """What limits, people and failures have ended so far.

    Attributes:
        reason: why the search asks for no more epochs; None while it goes on.
        failure: why the study has failed, where that is the reason.
        budget: what is left of `max_epochs_total`.
    """

    def __init__(self, limits: Limits, objective: Objective) -> None:
        self.reason: End | None = None
        self.failure: str | None = None
        self.budget = Budget(limits.max_epochs_total)
        self._limits = limits
        self._objective = objective

    @property
    def may_come_at_any_epoch(self) -> bool:
        """Whether each epoch has to be looked at before the next is asked for."""
        return self._limits.target is not None or self.budget.most is not None

    def ask(self, reason: End) -> None:
        """End the search. What people ask overrules a limit, since it keeps the study from its retrain."""
        if self.reason is None or (self.reason.ends_the_search and not reason.ends_the_search):
            self.reason = reason

    def fail(self, why: str) -> None:
        """End the study as failed; the first reason stays."""
        if self.failure is None:
            self.reason, self.failure = End.FAILED, why

    def is_at_target(self, value: float) -> bool:
        """Whether `value` is at the target or beyond it."""
        return meets_target(self._limits, self._objective, value)

    def by_target(self, value: float) -> bool:
        """Whether it is this value, and no earlier reason, that ends the search."""
        if self.reason is not None or not self.is_at_target(value):
            return False
        self.reason = End.TARGET
        return True

    def look_at_the_clock(self, seconds: float) -> None:
        """End the search if coordinators have run it for its whole `timeout`."""
        if self._limits.timeout is not None and seconds >= self._limits.timeout:
            self.ask(End.TIMEOUT)

    def trial_timeout(self, seconds: float) -> str | None:
        """What to say of a trial that has trained too long, over all its attempts; else None."""
        limit = self._limits.trial_timeout
        if limit is None or seconds <= limit:
            return None
        return f"trained for {seconds:.1f} s (trial_timeout is {limit:g} s)"

    def epoch_timeout(self, silent_seconds: float, *, started: bool) -> str | None:
        """What to say of an attempt that has finished no epoch for too long; else None.

        Until it has `started`, with its data loaded and its model built, it has half an hour at least.
        """
        limit = self._limits.epoch_timeout
        if started and silent_seconds > limit:
            return f"no epoch finished in {silent_seconds:.0f} s (epoch_timeout is {limit:g} s)"
        if not started and silent_seconds > max(limit, _START_SECONDS):
            return f"the data were not loaded and the model not built in {silent_seconds:,.0f} s"
        return None
