"""Large libraries without what they only offer more with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hpsearch.lean import without


def test_a_package_cannot_be_imported_within_and_can_be_afterwards():
    sys.modules.pop("this", None)
    with without("wsgiref", "json"):
        with pytest.raises(ModuleNotFoundError):
            import wsgiref
        import json  # loaded before: nothing is taken away

        assert json.loads("1") == 1

    import wsgiref  # noqa: F401  # that it can be imported is the point


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
