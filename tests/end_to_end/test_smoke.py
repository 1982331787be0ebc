"""`run --smoke` on the reference spaces: everything that they use is touched once, on a few made-up images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.end_to_end.command import hpsearch

SPACES = sorted((Path(__file__).parents[1] / "data" / "spaces").glob("*.yaml"))
SHAPES = {"mnist": ((28, 28), 10), "cifar10": ((32, 32, 3), 10), "cifar100": ((32, 32, 3), 100)}
# of the training split, so that the share that a space validates on is one image of each
IMAGES_A_CLASS = {"cifar100_kernel_size": 5, "mnist_lenet": 6}


def make_data(folder: Path, images: int) -> None:
    """Write the named sets into `folder`: their shapes and classes, but few images, and those random."""
    random = np.random.default_rng(0)
    for name, (shape, classes) in SHAPES.items():
        arrays = {}
        for split, count in (("train", images), ("test", 1)):
            labels = np.repeat(np.arange(classes), count)
            arrays[f"x_{split}"] = random.integers(0, 256, (len(labels), *shape), dtype=np.uint8)
            arrays[f"y_{split}"] = labels
        np.savez(folder / f"{name}.npz", **arrays)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("space", SPACES, ids=lambda path: path.stem)
def test_a_reference_space_runs_from_end_to_end_and_leaves_nothing(space, tmp_path):
    environment = {"HPSEARCH_DATA_DIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    make_data(tmp_path, IMAGES_A_CLASS.get(space.stem, 10))
    (tmp_path / "folder").mkdir()

    done = hpsearch("run", space, "--smoke", "--workers", 1, folder=tmp_path / "folder", environment=environment)

    assert done.returncode == 0, done.stderr
    assert "complete; " in done.stdout
    assert "  accuracy " in done.stdout
    assert "--database" not in done.stdout + done.stderr, "a command on what is already gone"
    assert list((tmp_path / "folder").iterdir()) == []
