"""These tests run on TensorFlow, in a process of their own."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

from hpsearch.training.process import configure_process

DEVICE = configure_process(threads=1)
