"""The samplers that learn find good configurations in fewer trials than chance does."""

import math
from statistics import median

import pytest

from hpsearch.search.registry import make_backend
from hpsearch.study import Trial, TrialState, derive_seed
from tests.search.spaces import MAXIMIZE, SETTINGS, real, space

SPACE = space(real("x", 0.0, 1.0), real("rate", 1e-4, 1.0, log=True), real("momentum", 0.0, 1.0))

# Random's best of 50 trials, the median of 20 seeds, as Keras Tuner's bare oracle finds it. The bare TPE reaches it
# after 14.5 trials and the bare Bayesian oracle after 12 (medians of the same seeds).
RANDOM_BEST_OF_50 = 0.96957


def quality(configuration):
    x, rate, momentum = (configuration[name] for name in SPACE)
    return 1 - (x - 0.3) ** 2 - (math.log10(rate) + 2) ** 2 / 8 - (momentum - x) ** 2 / 2


def search(name, seed, target, trials=50):
    """How many trials it takes to reach `target`, and the best value then."""
    backend = make_backend(SPACE, SETTINGS[name], MAXIMIZE, 1, seed)
    best = -math.inf
    for number in range(trials):
        proposal = backend.ask(number)
        value = quality(proposal.parameters)
        best = max(best, value)
        backend.tell(Trial(number, TrialState.COMPLETE, proposal.parameters, 1, seed=1, value=value))
        if best >= target:
            return number + 1, best
    return trials, best


SEEDS = [derive_seed(7, "replicate", k) for k in range(20)]


def test_random_finds_what_the_bare_library_found():
    assert median(search("random", seed, math.inf)[1] for seed in SEEDS) == pytest.approx(RANDOM_BEST_OF_50, abs=1e-5)


def test_tpe_needs_fewer_trials_than_chance():
    assert median(search("optuna-tpe-none-finished", seed, RANDOM_BEST_OF_50)[0] for seed in SEEDS) < 25


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_bayesian_needs_fewer_trials_than_chance():
    assert median(search("bayesian", seed, RANDOM_BEST_OF_50)[0] for seed in SEEDS) < 25
