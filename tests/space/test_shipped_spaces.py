"""The spaces that come with the project, read with everything that the rooms know."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from hpsearch.execution.opening import RoomsCatalogue
from hpsearch.space import Space, load

FOLDER = Path(__file__).parents[2] / "search_spaces"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.fixture(scope="module")
def catalogue() -> RoomsCatalogue:
    return RoomsCatalogue(None)


def sample(space: Space, seed: int) -> dict[str, object]:
    draw = random.Random(seed)
    values: dict[str, object] = {}
    for name, parameter in space.parameters.items():
        if name in space.active(values):
            size = parameter.size
            if size is not None:
                values[name] = parameter.value_at(draw.randrange(size))
            else:
                values[name] = draw.uniform(parameter.min or 0, parameter.max or 0)
    return values


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_space_is_sound_and_its_resolved_form_gives_it_again(file: Path, catalogue: RoomsCatalogue):
    space = load(file, catalogue)
    again = load(json.loads(json.dumps(space.resolved)), catalogue)

    assert (again, again.hash) == (space, space.hash)
    assert space.smoke().epochs == 1
    for seed in range(20):
        values = sample(space, seed)
        assert space.check(values) == []
        assert space.configuration(values).layers or space.trainer == "simulated"
        assert space.retrain_configuration(values, best_epoch=2).training["epochs"] >= 1


@pytest.mark.parametrize(("file", "study"), [("digits", "digits"), ("cifar10", "cifar10"), ("cifar100", "cifar100")])
def test_a_shipped_space_has_the_name_of_its_data(file: str, study: str, catalogue: RoomsCatalogue):
    assert load(FOLDER / f"{file}_space.yaml", catalogue).name == study


def test_the_example_has_a_dead_parameter_only_where_its_parent_says_so(catalogue: RoomsCatalogue):
    space = load(FOLDER / "cifar10_space.yaml", catalogue)

    for seed in range(100):
        values = sample(space, seed)
        text = json.dumps(space.configuration(values).layers)
        assert ("leaky_alpha" in values) is (values["activation"] == "leaky_relu") is ("negative_slope" in text)
        assert ("momentum" in values) is (values["optimizer"] == "sgd")
