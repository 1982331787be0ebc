"""What decides a study's trials."""

from __future__ import annotations

import json

import pytest
from tests.space.conftest import Loader, small
from tests.space.plain_catalogue import PlainCatalogue

from hpsearch.errors import SearchSpaceError
from hpsearch.space import difference, load

PARTS = {"parameters": "u: {type: int, min: 8, max: 32, step: 8}, r: [0.1, 0.2]", "model": "Dense: $u, Dropout: $r"}
TEXT = small(**PARTS)


@pytest.mark.parametrize(
    "change",
    [
        ("study: small", "study: other\ndescription: another one"),
        ("study: small", "study: small\nseed: 1"),
        ("max_trials: 3", "max_trials: 30, lag: 4"),
        ("search:", "limits: {timeout: 1h}\nretrain: {epochs: 9, keep: last}\nsearch:"),
        ("name: cifar10", "name: cifar10, validation: 1/10"),
        ("epochs: 4", "batch_size: 32.0, epochs: 4.0"),
        ("r: [0.1, 0.2]", "r: {type: choice, values: [0.1, 1/5]}"),
        ("max: 32", "max: $(8 * 4)"),
        ("search:", "objective: {metric: val_accuracy}\nsearch:"),
    ],
)
def test_what_decides_no_trial_leaves_the_hash_alone(read: Loader, change):
    assert change[0] in TEXT

    assert read(TEXT.replace(*change)).hash == read(TEXT).hash


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("study: small", "study: small\nseed: 2"), "seed: was 1, is 2"),
        (("name: cifar10", "name: cifar10, validation: 0.2"), "dataset.validation: was 0.1, is 0.2"),
        (("name: cifar10", "name: cifar10, train_subset: 100"), "dataset.train_subset: is new, 100"),
        (("max: 32", "max: 40"), "parameters.u.max: was 32, is 40"),
        (("r: [0.1, 0.2]", "r: [0.1, 0.3]"), "parameters.r.values[1]: was 0.2, is 0.3"),
        (("Dropout: $r", "Dropout: $r, Flatten"), None),
        (("epochs: 4", "epochs: 5"), "training.epochs: was 4, is 5"),
        (("search:", "constraints: [u < 30]\nsearch:"), None),
        (("backend: random", "backend: bayesian"), "search.backend: was `random`, is `bayesian`"),
        (("backend: random", "order: finished, backend: random"), "search.order: is new, `finished`"),
    ],
)
def test_what_decides_trials_changes_the_hash_and_is_named(read: Loader, change, line):
    old, new = read(TEXT), read(TEXT.replace(*change))

    assert new.hash != old.hash
    lines = difference(old.decisive, new.decisive)
    assert len(lines) == 1
    assert line is None or lines == [line]
    assert difference(old.decisive, json.loads(json.dumps(old.decisive))) == []


def test_the_order_of_parameters_decides_trials(read: Loader):
    text = TEXT.replace(PARTS["parameters"], "r: [0.1, 0.2], u: {type: int, min: 8, max: 32, step: 8}")

    assert read(text).hash != read(TEXT).hash
    assert difference(read(TEXT).decisive, read(text).decisive) == ["parameters: the same ones, in another order"]


def test_a_share_of_all_images_is_not_one_image(read: Loader):
    texts = [TEXT.replace("name: cifar10", f"name: cifar10, train_subset: {part}") for part in ("1.0", "1")]

    assert read(texts[0]).resolved["dataset"]["train_subset"] == 1.0
    with pytest.raises(SearchSpaceError, match="`train_subset` is 1, which is too few"):
        read(texts[1])


def test_spaces_are_equal_when_their_resolved_forms_are(read: Loader, catalogue: PlainCatalogue):
    space = read(TEXT)

    assert read(TEXT + "\n# a remark") == space
    assert read(TEXT.replace("seed", "seed")) == load(space.resolved, catalogue)
    assert read(TEXT.replace("max_trials: 3", "max_trials: 4")) != space
