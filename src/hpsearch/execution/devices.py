"""Which slots this machine offers, found without importing a training library."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hpsearch.errors import ConfigError
from hpsearch.execution.executor import Slot

_MOST_CPU_SLOTS = 8
_BYTES_A_CPU_SLOT = 2 * 2**30
_BYTES_OF_A_CONTEXT = 2**29  # what CUDA and its libraries take for each process, beside what TensorFlow is allowed
_SMALLEST_SHARE = 2**29


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device as CUDA_VISIBLE_DEVICES names it: by its index, or by its UUID or the beginning of that."""

    name: str
    memory_bytes: int | None = None  # None where NVML does not tell


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to run on."""

    cores: int
    memory_bytes: int  # free for us
    gpus: Sequence[Gpu] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """A GPU as NVML lists it, whether it may be used or not."""

    uuid: str
    memory_bytes: int
    model: str = ""

    def is_called(self, name: str, index: int) -> bool:
        """Whether CUDA_VISIBLE_DEVICES means this one, the `index`-th, by `name`."""
        return self.uuid.startswith(name) if name.startswith("GPU-") else name == str(index)


def this_machine(environment: Mapping[str, str]) -> Machine:
    """Cores that this process may use, free memory, and visible GPUs (through NVML)."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return Machine(
        cores=cores,
        memory_bytes=psutil.virtual_memory().available,
        gpus=visible_gpus(list_gpus(), environment),
    )


def make_slots(
    machine: Machine,
    workers: int | None,
    trials: int | None,
    threads: int | None = None,
    workers_per_gpu: int | None = None,
) -> list[Slot]:
    """Slots for `workers` (None: one a GPU, else one a core, as far as memory goes), never more than `trials`.

    Workers that share a GPU get a part of its memory each; one that has it to itself takes what it needs.

    Args:
        machine: what there is.
        workers: how many are wanted in all.
        trials: how many there are to run; None for any number.
        threads: a worker's where a study has fixed them; otherwise the cores are shared out evenly.
        workers_per_gpu: how many are wanted on each GPU.

    Raises:
        ConfigError: there is no GPU to share, or not enough memory on it.
    """
    gpus = machine.gpus
    if workers_per_gpu is not None and not gpus:
        raise ConfigError("--workers-per-gpu needs a GPU, and this machine shows none; leave it out.")
    if workers is None:
        by_memory = max(1, machine.memory_bytes // _BYTES_A_CPU_SLOT)
        workers = len(gpus) * (workers_per_gpu or 1) or int(min(machine.cores, _MOST_CPU_SLOTS, by_memory))
    elif workers_per_gpu is not None:
        workers = min(workers, len(gpus) * workers_per_gpu)
    count = max(1, min(workers, trials) if trials is not None else workers)
    share = threads if threads is not None else max(1, machine.cores // count)
    if not gpus:
        return [Slot(index=index, threads=share) for index in range(count)]
    crowd = -(-count // len(gpus))
    caps = [_share_of(gpu, crowd) for gpu in gpus[:count]]
    return [
        Slot(
            index=index,
            gpu=gpus[index % len(gpus)].name,
            threads=share,
            gpu_memory_bytes=caps[index % len(gpus)],
        )
        for index in range(count)
    ]


def visible_gpus(listed: Sequence[Listed], environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Those of the GPUs that NVML lists which CUDA_VISIBLE_DEVICES leaves visible, in its order, by its names."""
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if not listed:
        return ()
    if chosen is None:
        return tuple(Gpu(str(index), _memory_of_index(index, listed, environment)) for index in range(len(listed)))
    gpus: list[Gpu] = []
    for name in (part.strip() for part in chosen.split(",")):
        if name.startswith("MIG-"):  # a part of a GPU, which NVML lists elsewhere
            gpus.append(Gpu(name))
        elif name.startswith("GPU-"):
            memory = [gpu.memory_bytes for gpu in listed if gpu.uuid.startswith(name)]
            if len(memory) != 1:
                break
            gpus.append(Gpu(name, memory[0]))
        elif name.isdecimal() and int(name) < len(listed):
            gpus.append(Gpu(name, _memory_of_index(int(name), listed, environment)))
        else:
            break  # CUDA itself ignores whatever follows the first name that it does not know
    return tuple(gpus)


def _memory_of_index(index: int, listed: Sequence[Listed], environment: Mapping[str, str]) -> int:
    """The memory of the GPU that CUDA gives an index to: NVML's where both count by bus, else the least of all."""
    if environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID":
        return listed[index].memory_bytes
    return min(gpu.memory_bytes for gpu in listed)


def _share_of(gpu: Gpu, crowd: int) -> int | None:
    """What each of `crowd` workers may take of a GPU's memory; None where one has it to itself."""
    if crowd == 1:
        return None
    if gpu.memory_bytes is None:
        raise ConfigError(f"The memory of GPU {gpu.name} is not known, so it cannot be shared out: give it one worker.")
    share = gpu.memory_bytes // crowd - _BYTES_OF_A_CONTEXT
    if share < _SMALLEST_SHARE:
        most = gpu.memory_bytes // (_BYTES_OF_A_CONTEXT + _SMALLEST_SHARE)
        raise ConfigError(
            f"GPU {gpu.name} has {gpu.memory_bytes / 2**30:.1f} GiB, too little for {crowd} workers:"
            f" start {max(1, most)} on it at most."
        )
    return share


def list_gpus() -> list[Listed]:
    """All GPUs that NVIDIA's driver knows."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver: no GPU
        return []
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return [
            Listed(
                uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
                memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
                model=str(pynvml.nvmlDeviceGetName(handle)),
            )
            for handle in handles
        ]
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
