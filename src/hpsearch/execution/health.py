"""Which slots are any good, judged by how their workers died."""

from __future__ import annotations

DEATHS = 3  # in a row, with no epoch finished between


class Health:
    """What is known of each slot since the coordinator started, by slot index.

    A slot whose workers die three times with no epoch between is no good: a broken device, a library that does not
    load. Where it has finished epochs before, three different trials have to speak against it: a trial that kills its
    workers fails by itself.
    """

    def __init__(self) -> None:
        self._proven: set[int] = set()
        self._deaths: dict[int, list[int | None]] = {}  # the trial at which each worker died; None for an idle one

    def epoch(self, slot: int) -> None:
        """A worker of the slot has finished an epoch."""
        self._proven.add(slot)
        self._deaths.pop(slot, None)

    def death(self, slot: int, trial: int | None) -> bool:
        """A worker of the slot has died, at `trial` or idle; whether the slot is to be closed."""
        deaths = self._deaths.setdefault(slot, [])
        deaths.append(trial)
        return len(set(deaths)) >= DEATHS or (len(deaths) >= DEATHS and slot not in self._proven)
