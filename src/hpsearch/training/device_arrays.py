"""Arrays as TensorFlow tensors on the device that trains, without a copy where that is possible."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_KEPT = 4
_ALIGNMENT_BYTES = 64  # of Eigen; a kernel ends the process where a tensor is not aligned
_tensors: OrderedDict[int, tuple[NDArray[Any], Any]] = OrderedDict()


def has_gpu() -> bool:
    """Whether TensorFlow trains on a GPU here."""
    return bool(tf.config.list_logical_devices("GPU"))


def on_device(array: NDArray[Any]) -> Any:
    """`array` as a tensor; the same one for the same array.

    On a CPU an aligned array is shared, not copied, and so is an ``.npy`` file mapped with ``mmap_mode="c"``: all
    processes then read the same pages. A GPU gets a copy of its own.
    """
    key = id(array)
    if key not in _tensors:
        shared = not has_gpu() and _is_shareable(array)
        tensor = tf.experimental.dlpack.from_dlpack(array.__dlpack__()) if shared else tf.constant(array)
        _tensors[key] = (array, tensor)  # the array is held, so that its id stays its own
        while len(_tensors) > _KEPT:
            _tensors.popitem(last=False)
    _tensors.move_to_end(key)
    return _tensors[key][1]


def _is_shareable(array: NDArray[Any]) -> bool:
    """Whether TensorFlow can read `array` where it lies: NumPy gives no read-only one away."""
    return array.flags.writeable and array.flags.c_contiguous and array.ctypes.data % _ALIGNMENT_BYTES == 0


def stream(images: NDArray[Any], labels: NDArray[Any], order: NDArray[Any], batch_size: int) -> Iterator[Any]:
    """An iterator over batches of ``images[order]``, read ahead; for images that are too many for the device."""

    def read(batch: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        return np.ascontiguousarray(images[batch]), labels[batch]

    def gather(batch: Any) -> tuple[Any, Any]:
        read_images, read_labels = tf.numpy_function(read, [batch], [images.dtype, labels.dtype])
        return tf.ensure_shape(read_images, [None, *images.shape[1:]]), tf.ensure_shape(read_labels, [None])

    batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
    batches = batches.map(gather, num_parallel_calls=2, deterministic=True).prefetch(2)
    iterator: Iterator[Any] = iter(batches)
    return iterator
