"""Large libraries without what they only offer more with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hpsearch.lean import later, without


def test_a_package_cannot_be_imported_within_and_can_be_afterwards():
    sys.modules.pop("this", None)
    with without("wsgiref", "json"):
        with pytest.raises(ModuleNotFoundError):
            import wsgiref
        import json  # loaded before: nothing is taken away

        assert json.loads("1") == 1

    import wsgiref  # noqa: F401  # that it can be imported is the point


def test_a_module_for_later_is_loaded_when_it_is_first_used():
    for name in ("wsgiref", "wsgiref.util"):
        sys.modules.pop(name, None)
    with later("wsgiref", "wsgiref.util"):
        import wsgiref
        from wsgiref import util
        from wsgiref.util import guess_scheme

        with pytest.raises(ModuleNotFoundError):  # whoever wants to know whether it is there
            hasattr(wsgiref.simple_server, "demo_app")
        with pytest.raises(ModuleNotFoundError):
            import wsgiref.headers
    assert not {"wsgiref", "wsgiref.util"} & sys.modules.keys()

    assert guess_scheme({"HTTPS": "on"}) == "https"
    assert util.guess_scheme({}) == "http"
    assert "wsgiref.util" in sys.modules


def test_the_coordinator_builds_models_without_jax_and_a_model_can_have_it():
    program = """
import sys
import numpy
from hpsearch.search.keras_tuner import KerasTunerBackend
from hpsearch.space.catalogue import Kind
from hpsearch.training import catalogue
catalogue._keras_room("layer_calls")
import keras
layers = keras.layers
model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten()])
assert model.count_params() == 56
assert not {"pandas", "sklearn", "jax", "scipy.linalg", "scipy.optimize"} & sys.modules.keys(), sorted(sys.modules)

kernel = numpy.ones((3, 3, 1, 1), "float32")
assert keras.ops.conv(numpy.ones((1, 4, 4, 1), "float32"), kernel).tolist() == [[[[9.0], [9.0]], [[9.0], [9.0]]]]
real, imaginary = keras.ops.fft((numpy.ones(4, "float32"), numpy.zeros(4, "float32")))
assert numpy.allclose(real, [4, 0, 0, 0]) and numpy.allclose(imaginary, 0)
assert numpy.allclose(keras.ops.cholesky(4 * numpy.eye(2, dtype="float32")), 2 * numpy.eye(2))
assert "jax" in sys.modules and "scipy.linalg" in sys.modules
"""
    environment = os.environ | {"KERAS_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_worker_loads_tensorflow_without_the_packages_it_does_not_need_and_own_code_can_have_them():
    program = """
import sys
from hpsearch.training.process import configure_process
configure_process(1)
assert "tensorflow" in sys.modules and "keras" in sys.modules
assert not {"pandas", "sklearn", "jax", "scipy.stats"} & sys.modules.keys(), sorted(sys.modules)
import pandas, sklearn.metrics
assert pandas.DataFrame({"a": [1]}).a.sum() == 1
"""
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
