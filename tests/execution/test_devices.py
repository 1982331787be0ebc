"""Which slots a machine offers: from lists of devices made up here, so no GPU is needed."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from tests.contracts.test_executors import a_job, until_ended
from tests.end_to_end.command import python
from tests.processes import own_workers

from hpsearch.errors import ConfigError
from hpsearch.execution.devices import Gpu, Listed, Machine, make_slots, visible_gpus
from hpsearch.execution.executor import Slot
from hpsearch.execution.local import LocalExecutor
from hpsearch.execution.messages import Finished

GIB = 2**30


LISTED = [Listed("GPU-aa11", 80 * GIB), Listed("GPU-ab22", 40 * GIB), Listed("GPU-cc33", 16 * GIB)]
LAPTOP = Machine(cores=4, memory_bytes=32 * GIB)
BOX = Machine(cores=32, memory_bytes=256 * GIB, gpus=[Gpu("0", 24 * GIB), Gpu("1", 24 * GIB)])


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (None, ["0", "1", "2"]),
        ("", []),
        ("-1", []),
        ("2,0", ["2", "0"]),
        ("0,7,1", ["0"]),  # CUDA stops at the first name that it does not know
        ("GPU-cc33, 0", ["GPU-cc33", "0"]),
        ("GPU-c", ["GPU-c"]),
        ("GPU-a", []),  # could be two
        ("GPU-zz,0", []),
        ("MIG-7e", ["MIG-7e"]),
        ("nonsense", []),
    ],
)
def test_cuda_visible_devices_from_outside_decides_which_gpus_there_are(chosen, names):
    environment = {} if chosen is None else {"CUDA_VISIBLE_DEVICES": chosen}

    assert [gpu.name for gpu in visible_gpus(LISTED, environment)] == names


def test_without_a_gpu_nothing_is_visible_whatever_was_chosen():
    assert visible_gpus([], {"CUDA_VISIBLE_DEVICES": "0"}) == ()


def test_a_gpus_memory_is_its_own_where_both_sides_count_alike_and_else_the_least():
    by_bus = {"CUDA_VISIBLE_DEVICES": "0,2", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}

    assert [gpu.memory_bytes for gpu in visible_gpus(LISTED, by_bus)] == [80 * GIB, 16 * GIB]
    assert [gpu.memory_bytes for gpu in visible_gpus(LISTED, {})] == [16 * GIB] * 3  # CUDA counts by speed
    assert visible_gpus(LISTED, {"CUDA_VISIBLE_DEVICES": "GPU-ab22"}) == (Gpu("GPU-ab22", 40 * GIB),)


@pytest.mark.parametrize(
    ("machine", "workers", "trials", "threads"),
    [
        (LAPTOP, None, None, [1, 1, 1, 1]),
        (LAPTOP, None, 3, [1, 1, 1]),
        (LAPTOP, 2, None, [2, 2]),
        (LAPTOP, 6, None, [1] * 6),
        (Machine(cores=64, memory_bytes=256 * GIB), None, None, [8] * 8),  # eight at most
        (Machine(cores=8, memory_bytes=5 * GIB), None, None, [4, 4]),  # two GiB each
        (Machine(cores=8, memory_bytes=GIB), None, None, [8]),
        (BOX, None, None, [16, 16]),
    ],
)
def test_auto_is_one_worker_a_gpu_else_one_a_core_as_far_as_memory_and_trials_go(machine, workers, trials, threads):
    slots = make_slots(machine, workers, trials)

    assert [slot.threads for slot in slots] == threads
    assert [slot.index for slot in slots] == list(range(len(threads)))


def test_one_worker_a_gpu_takes_what_it_needs():
    assert make_slots(BOX, None, None) == [Slot(0, "0", 16), Slot(1, "1", 16)]


def test_workers_per_gpu_share_the_memory_beside_what_cuda_needs_for_each():
    slots = make_slots(BOX, None, None, workers_per_gpu=2)

    share = 12 * GIB - GIB // 2
    assert slots == [Slot(index, gpu, 8, share) for index, gpu in enumerate(["0", "1", "0", "1"])]


def test_more_workers_than_gpus_share_them_too():
    assert make_slots(BOX, 4, None) == make_slots(BOX, None, None, workers_per_gpu=2)


def test_few_trials_leave_each_worker_a_gpu_of_its_own():
    assert make_slots(BOX, None, 2, workers_per_gpu=3) == make_slots(BOX, None, None)


@pytest.mark.parametrize(
    ("machine", "per_gpu", "said"),
    [
        (LAPTOP, 2, "--workers-per-gpu needs a GPU"),
        (BOX, 30, "GPU 0 has 24.0 GiB, too little for 30 workers: start 24 on it at most"),
        (Machine(8, 16 * GIB, [Gpu("MIG-7e")]), 2, "memory of GPU MIG-7e is not known"),
    ],
)
def test_what_cannot_be_shared_is_one_sentence(machine, per_gpu, said):
    with pytest.raises(ConfigError, match=said):
        make_slots(machine, None, None, workers_per_gpu=per_gpu)


def test_a_worker_sees_its_own_gpu_alone_and_its_share_but_for_a_job_that_runs_alone():
    slots = make_slots(BOX, None, None, workers_per_gpu=2)
    executor = LocalExecutor(slots, os.environ, prepare=False)
    executor.open()
    try:
        workers = own_workers()
        seen = [worker.environ()["CUDA_VISIBLE_DEVICES"] for worker in workers]
        caps = [json.loads(worker.cmdline()[-1])["gpu_memory_bytes"] for worker in workers]
        executor.submit(slots[0], a_job())
        executor.advance(slots[0], 3)
        assert isinstance(until_ended(executor)[-1], Finished)
        executor.submit(slots[0], replace(a_job(trial=1), alone=True))
        (alone,) = (worker for worker in own_workers() if worker.environ()["CUDA_VISIBLE_DEVICES"] == "0")
        cap_alone = json.loads(alone.cmdline()[-1])["gpu_memory_bytes"]
    finally:
        executor.close()

    assert seen == ["0", "1", "0", "1"]
    assert caps == [slot.gpu_memory_bytes for slot in slots]
    assert cap_alone is None


TAKES_ITS_SHARE = """
import tensorflow as tf
from tensorflow.python.eager.context import PhysicalDevice
calls = []
tf.config.list_physical_devices = lambda kind: [PhysicalDevice("/physical_device:GPU:0", kind)]
tf.config.experimental.set_memory_growth = lambda device, on: calls.append("grows")
tf.config.set_logical_device_configuration = lambda device, limits: calls.append(limits[0].memory_limit)
tf.config.experimental.get_device_details = lambda device: {"device_name": "Made-up 3000"}
from hpsearch.training.process import configure_process
print(configure_process(threads=1, gpu_memory_bytes=%s), calls)
"""


@pytest.mark.parametrize(("cap", "told"), [(3 * GIB, "[3072]"), (None, "['grows']")])
def test_a_share_is_tensorflows_limit_which_excludes_growth(cap, told):
    assert python(TAKES_ITS_SHARE % cap, KERAS_BACKEND="tensorflow").strip() == f"Made-up 3000 {told}"
