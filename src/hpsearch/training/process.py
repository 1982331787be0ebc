"""Setting up TensorFlow in a process, before anything of it is used."""

from __future__ import annotations

import os
import sys

from hpsearch.lean import OFFERED_BY_TENSORFLOW, without


def configure_process(
    threads: int,
    deterministic: bool = True,
    *,
    onednn: bool | None = None,
    gpu_memory_bytes: int | None = None,
) -> str:
    """Set TensorFlow up for training in this process; returns the device's name, ``CPU (1 thread)`` or the GPU's.

    Call it once, before the first operation: threads and memory cannot be changed afterwards.

    Args:
        threads: CPU threads for arithmetic.
        deterministic: op determinism, so that equal settings give equal bits.
        onednn: whether oneDNN's kernels are used; None leaves that to the environment.
        gpu_memory_bytes: what this process may take of its GPU; None lets its share grow with need.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if onednn is not None and "tensorflow" not in sys.modules:  # TensorFlow reads it when it is imported
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1" if onednn else "0"
    with without(*OFFERED_BY_TENSORFLOW):
        import keras  # noqa: F401  # it would import them too
        import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    # Grappler costs a small model a fifth of its first epoch and speeds up none of the later ones (both measured).
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        if gpu_memory_bytes is None:
            tf.config.experimental.set_memory_growth(gpu, True)
        else:
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=gpu_memory_bytes // 2**20)
            tf.config.set_logical_device_configuration(gpu, [limit])
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    if gpus:
        return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", gpus[0].name))
    return f"CPU ({threads} thread{'s' if threads != 1 else ''})"
