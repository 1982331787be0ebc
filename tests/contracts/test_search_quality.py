"""The backends that learn really search: on simulated curves they need fewer trials than chance.

`benchmarks/search_quality.py` counts the same for the bare libraries, median and quartiles over 20 seeds; the bounds
here are their upper quartiles: 28.5 trials for Optuna's TPE, 25.25 for Keras Tuner's Bayesian optimization.
"""

from __future__ import annotations

from statistics import median

import pytest
from benchmarks.search_quality import CHANCE, SEEDS, Ours, best_of_chance, trials_until


@pytest.fixture(scope="module")
def best_of_fifty() -> float:
    """What random search finds in 50 trials, the median of 20 seeds."""
    return best_of_chance(range(SEEDS))


def trials_needed(backend: str, target: float, most: int) -> float:
    """Median over the seeds; a search that has not reached `target` after `most` trials counts as `most`."""
    return median(trials_until(target, Ours(backend, seed), most)[0] for seed in range(SEEDS))


def test_tpe_finds_in_fewer_trials_what_chance_finds_in_fifty(best_of_fifty):
    assert trials_needed("tpe", best_of_fifty, CHANCE) <= 28


@pytest.mark.stress
@pytest.mark.timeout(400)
def test_bayesian_finds_in_fewer_trials_what_chance_finds_in_fifty(best_of_fifty):
    assert trials_needed("bayesian", best_of_fifty, most=26) <= 25
