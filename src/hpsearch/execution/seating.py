"""Which waiting job goes to which free slot."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from hpsearch.execution.executor import Slot

NOTHING: Mapping[int, Collection[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that waits for a slot.

    Attributes:
        trial: its number.
        lost_on: slots in which its workers have died since its last epoch; others are tried first.
        alone: it has run out of memory, and now nobody else may work on its device.
        structure: equal for jobs that one compiled epoch serves; None where nothing is compiled.
    """

    trial: int
    lost_on: frozenset[int] = frozenset()
    alone: bool = False
    structure: str | None = None


def assign(
    waiting: Sequence[Waiting],
    slots: Sequence[Slot],
    busy: Mapping[int, Waiting],
    compiled: Mapping[int, Collection[str]] = NOTHING,
) -> list[tuple[Slot, Waiting]]:
    """Who goes where now, the first in `waiting` first, but for what saves compiling.

    A slot prefers a job that its worker has compiled an epoch for, then one that no other has. For that a job may be
    passed over by as many later ones as there are slots.

    One that must be alone gets a device to itself: nobody is seated there any more until its slots are free, and then
    until that one has left.

    Args:
        waiting: in the order in which they should run.
        slots: all of them, in order.
        busy: what the others do, by slot index.
        compiled: the structures that each slot's worker has compiled, by slot index.
    """
    if not waiting or len(busy) == len(slots):
        return []
    taken = {slot.gpu for slot in slots if slot.index in busy and busy[slot.index].alone}
    seated: list[tuple[Slot, Waiting]] = []
    lonely = next((one for one in waiting if one.alone), None)
    open_devices = list(dict.fromkeys(slot.gpu for slot in slots if slot.gpu not in taken))
    if lonely is not None and open_devices:
        crowds = {device: [slot for slot in slots if slot.gpu == device] for device in open_devices}
        device = min(
            open_devices,
            key=lambda name: (
                all(slot.index in lonely.lost_on for slot in crowds[name]),
                sum(slot.index in busy for slot in crowds[name]),
            ),
        )
        if not any(slot.index in busy for slot in crowds[device]):
            seated.append((_preferred(crowds[device], lonely), lonely))
        taken.add(device)
    free = [slot for slot in slots if slot.index not in busy and slot.gpu not in taken]
    sociable = [one for one in waiting if not one.alone]
    everywhere = frozenset(slot.index for slot in slots)
    for choosy in (True, False):
        for slot in list(free):
            allowed = [
                one for one in sociable if not choosy or slot.index not in one.lost_on or one.lost_on >= everywhere
            ]
            if allowed:
                found = _quickest(allowed, slot, len(slots), compiled)
                sociable.remove(found)
                free.remove(slot)
                seated.append((slot, found))
    return seated


def _quickest(jobs: Sequence[Waiting], slot: Slot, window: int, compiled: Mapping[int, Collection[str]]) -> Waiting:
    """The one of the first `jobs` that costs the least compiling in `slot`."""
    own = compiled.get(slot.index, ())
    elsewhere = {structure for index, known in compiled.items() if index != slot.index for structure in known}

    def cost(one: Waiting) -> int:
        return 0 if one.structure is None or one.structure in own else 1 if one.structure not in elsewhere else 2

    return min((one for one in jobs if one.trial - jobs[0].trial <= window), key=cost)  # the first of equals


def _preferred(slots: Sequence[Slot], one: Waiting) -> Slot:
    return min(slots, key=lambda slot: (slot.index in one.lost_on, slot.index))
