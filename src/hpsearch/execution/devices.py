"""Which slots this machine offers, found without importing a training library."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hpsearch.execution.executor import Slot

_MOST_CPU_SLOTS = 8
_BYTES_A_CPU_SLOT = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to run on: `gpus` as CUDA_VISIBLE_DEVICES would name them."""

    cores: int
    memory_bytes: int  # free for us
    gpus: Sequence[str] = ()


def this_machine(environment: Mapping[str, str]) -> Machine:
    """Cores that this process may use, free memory, and visible GPUs (through NVML)."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return Machine(cores=cores, memory_bytes=psutil.virtual_memory().available, gpus=_visible_gpus(environment))


def make_slots(machine: Machine, workers: int | None, trials: int | None, threads: int | None = None) -> list[Slot]:
    """Slots for `workers` (None: one a GPU, else one a core, as far as memory goes), never more than `trials`.

    `threads` are a worker's where a study has fixed them; otherwise the cores are shared out evenly.
    """
    if workers is None:
        by_memory = max(1, machine.memory_bytes // _BYTES_A_CPU_SLOT)
        workers = len(machine.gpus) or int(min(machine.cores, _MOST_CPU_SLOTS, by_memory))
    count = max(1, min(workers, trials) if trials is not None else workers)
    share = threads if threads is not None else max(1, machine.cores // count)
    return [
        Slot(index=index, gpu=machine.gpus[index % len(machine.gpus)] if machine.gpus else None, threads=share)
        for index in range(count)
    ]


def _visible_gpus(environment: Mapping[str, str]) -> tuple[str, ...]:
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    count = _count_gpus()
    if chosen is None:
        return tuple(str(index) for index in range(count))
    names: list[str] = []
    for name in (part.strip() for part in chosen.split(",")):
        # CUDA itself ignores whatever follows the first name that it does not know
        if not name or (name.lstrip("-").isdigit() and not 0 <= int(name) < count):
            break
        names.append(name)
    return tuple(names) if count else ()


def _count_gpus() -> int:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver: no GPU
        return 0
    try:
        return int(pynvml.nvmlDeviceGetCount())
    finally:
        pynvml.nvmlShutdown()
