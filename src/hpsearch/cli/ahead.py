"""Workers that load their training library while the space is still being checked."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from types import TracebackType

from hpsearch.errors import ConfigError
from hpsearch.execution.devices import make_slots, this_machine
from hpsearch.execution.executor import Slot
from hpsearch.execution.local import LocalExecutor
from hpsearch.space.values import Plain


class Ahead:
    """At most one executor, opened for the slots that a study will probably have. Ends it where nobody takes it.

    A worker needs as long for its library as the coordinator for reading and checking a space; side by side, the first
    trial begins seconds sooner.
    """

    def __init__(self) -> None:
        self._executor: LocalExecutor | None = None

    def __enter__(self) -> Ahead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandon()

    def start(
        self,
        document: Mapping[str, Plain],
        environment: dict[str, str],
        workers: int | None,
        workers_per_gpu: int | None,
        *,
        onednn: bool,
    ) -> None:
        """Start workers for a new study of `document`, which is read but not checked; none where that is no use."""
        training, search = (_mapping(document.get(section)) for section in ("training", "search"))
        if training.get("trainer", "keras") != "keras":
            return
        most = search.get("max_trials")
        with contextlib.suppress(ConfigError):  # the session asks the same, and tells the person
            slots = make_slots(
                this_machine(environment),
                workers,
                most if isinstance(most, int) and not isinstance(most, bool) else None,
                None,
                workers_per_gpu,
            )
            deterministic = training.get("deterministic", True) is not False
            self._executor = LocalExecutor(slots, environment, deterministic=deterministic, onednn=onednn)
            self._executor.open()

    def take(self, slots: Sequence[Slot], *, deterministic: bool, onednn: bool) -> LocalExecutor | None:
        """The executor where it is what these slots need: the caller's from now on, to be closed there."""
        executor = self._executor
        if executor is None or not executor.is_for(slots, deterministic=deterministic, onednn=onednn):
            self._abandon()
            return None
        self._executor = None
        return executor

    def _abandon(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            for slot in executor.slots:
                executor.kill(slot)


def _mapping(section: Plain) -> Mapping[str, Plain]:
    return section if isinstance(section, Mapping) else {}
