"""The backends that learn really search: on simulated curves they need fewer trials than chance.

The bounds come from the bare libraries on the same curves (`benchmarks/search_quality.py`).
"""

from __future__ import annotations

import math
from statistics import median

import pytest
from tests.search.spaces import MAXIMIZE, SETTINGS, real, space

from hpsearch.search.registry import make_backend
from hpsearch.study import Trial, TrialState, derive_seed
from hpsearch.training.simulated import Curve

SPACE = space(real("learning_rate", 1e-5, 1.0, log=True), real("dropout", 0.0, 0.9), real("momentum", 0.0, 0.99))
EPOCHS = 9
SEEDS = range(20)
CHANCE = 50  # trials of random search


def search(name: str, seed: int, target: float, trials: int) -> tuple[int, float]:
    """How many trials it takes to reach `target`, and the best value then."""
    backend = make_backend(SPACE, SETTINGS[name], MAXIMIZE, EPOCHS, derive_seed(seed))
    best = -math.inf
    for number in range(trials):
        proposal = backend.ask(number)
        value = Curve.of(proposal.parameters).accuracy(EPOCHS)
        best = max(best, value)
        backend.tell(Trial(number, TrialState.COMPLETE, proposal.parameters, EPOCHS, seed=1, value=value))
        if best >= target:
            return number + 1, best
    return trials, best


@pytest.fixture(scope="module")
def best_of_fifty() -> float:
    """What random search finds in 50 trials, the median of 20 seeds."""
    return median(search("random", seed, math.inf, CHANCE)[1] for seed in SEEDS)


def test_tpe_finds_in_fewer_trials_what_chance_finds_in_fifty(best_of_fifty):
    needed = median(search("optuna-tpe-none-finished", seed, best_of_fifty, CHANCE)[0] for seed in SEEDS)

    assert needed < 30


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_bayesian_finds_in_fewer_trials_what_chance_finds_in_fifty(best_of_fifty):
    needed = median(search("bayesian", seed, best_of_fifty, 30)[0] for seed in SEEDS)

    assert needed < 30
