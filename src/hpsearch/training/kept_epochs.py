"""The few compiled epochs that a process keeps, so that the next training of the same structure traces nothing."""

from __future__ import annotations

import gc
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from hpsearch.training.compiled import CompiledEpoch

KEPT = 12
KEPT_BYTES = 2**30  # of all kept variables together
_FORGOTTEN = 4  # so many forgotten ones are swept together; each is a net of cycles of 20 MB, which Python finds late


class Borrower(Protocol):
    """A training that works on a compiled epoch."""

    def set_aside(self) -> None:
        """Save all state and let go of the compiled epoch; another training needs it."""
        ...


_unswept = 0
_kept: OrderedDict[str, CompiledEpoch] = OrderedDict()
_borrowers: dict[str, weakref.ref[Borrower]] = {}


def borrow(key: str, borrower: Borrower, compile_epoch: Callable[[], CompiledEpoch]) -> tuple[CompiledEpoch, bool]:
    """The epoch kept under `key`, or a new one, for `borrower` alone, and whether it had been kept.

    A kept epoch has the variables of its last training: reset it. A training that still works on it is set aside.
    """
    holder = _borrowers.get(key)
    previous = holder() if holder is not None else None
    if previous is not None and previous is not borrower:
        previous.set_aside()
    was_kept = key in _kept
    if not was_kept:
        _kept[key] = compile_epoch()
    _kept.move_to_end(key)
    _borrowers[key] = weakref.ref(borrower)
    _forget_the_oldest()
    return _kept[key], was_kept


def clear() -> None:
    """Forget all kept epochs; trainings that work on one keep theirs."""
    _kept.clear()
    _borrowers.clear()


def _forget_the_oldest() -> None:
    global _unswept
    while len(_kept) > 1 and (len(_kept) > KEPT or sum(epoch.bytes for epoch in _kept.values()) > KEPT_BYTES):
        key, _ = _kept.popitem(last=False)
        _borrowers.pop(key, None)
        _unswept += 1
    if _unswept >= _FORGOTTEN:
        _unswept = 0
        gc.collect()
