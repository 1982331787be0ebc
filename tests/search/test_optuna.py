"""The sampler that is kept for a whole study, beside Optuna's own, made anew for every ask."""

from __future__ import annotations

import optuna
import pytest
from tests.search.spaces import MAXIMIZE, MINIMIZE, MIXED, SETTINGS, Run

from hpsearch.search import registry
from hpsearch.study import TrialState, derive_seed

OUTCOMES = [TrialState.COMPLETE] * 7 + [TrialState.FAILED, TrialState.INVALID]


class MadeAnew(optuna.samplers.BaseSampler):
    """A new sampler of Optuna's at every ask."""

    made = optuna.samplers.TPESampler

    def __init__(self, seed):
        self.reseed(seed)

    def reseed(self, seed):
        self.sampler = self.made(seed=seed)

    def before_trial(self, study, trial):
        self.sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study, trial):
        return self.sampler.infer_relative_search_space(study, trial)

    def sample_relative(self, study, trial, search_space):
        return self.sampler.sample_relative(study, trial, search_space)

    def sample_independent(self, study, trial, param_name, param_distribution):
        return self.sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study, trial, state, values):
        self.sampler.after_trial(study, trial, state, values)


class RandomMadeAnew(MadeAnew):
    """The same for random draws."""

    made = optuna.samplers.RandomSampler


@pytest.mark.parametrize(
    ("pruner", "lag", "objective"),
    [
        ("none-finished", 0, MINIMIZE),
        ("none-finished", 5, MAXIMIZE),
        ("median-number", 5, MINIMIZE),
        ("hyperband-finished", 3, MAXIMIZE),
    ],
)
def test_a_kept_tpe_proposes_through_a_long_study_what_samplers_made_anew_do(pruner, lag, objective, monkeypatch):
    """Parameters come and go by conditions; trials fail, are invalid, are pruned, and still run at the next ask."""

    def outcome(number, configuration):
        return OUTCOMES[derive_seed(3, number) % len(OUTCOMES)]

    def rows():
        return Run(MIXED, SETTINGS[f"optuna-tpe-{pruner}"], objective, lag=lag, outcome=outcome).go(100)

    kept = rows()
    monkeypatch.setitem(registry.SAMPLERS, "tpe", f"{__name__}:{MadeAnew.__name__}")

    assert kept == rows()
    assert {TrialState.COMPLETE, TrialState.FAILED, TrialState.INVALID} <= {row.state for row in kept}
    assert (TrialState.PRUNED in {row.state for row in kept}) == (pruner != "none-finished")


def test_a_kept_random_sampler_proposes_what_samplers_made_anew_do(monkeypatch):
    def rows():
        return Run(MIXED, SETTINGS["optuna-random-none-finished"]).go(50)

    kept = rows()
    monkeypatch.setitem(registry.SAMPLERS, "random", f"{__name__}:{RandomMadeAnew.__name__}")

    assert kept == rows()
