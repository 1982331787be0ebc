"""What every registered search backend promises, and what each library's traps must not do to a study."""

from __future__ import annotations

import json
import random
import warnings
from collections import Counter
from dataclasses import replace
from typing import Any

import keras_tuner
import numpy as np
import optuna
import pytest
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle
from sklearn.exceptions import ConvergenceWarning
from tests.search.spaces import (
    FINITE,
    MAXIMIZE,
    MINIMIZE,
    MIXED,
    SETTINGS,
    SMALL,
    Run,
    curve,
    has_right_activity,
)

from hpsearch.search import registry
from hpsearch.search.backend import NoProposal, Proposal
from hpsearch.search.keras_tuner import oracle_seed
from hpsearch.search.keras_tuner_space import compile_space, decode
from hpsearch.search.points import Points
from hpsearch.study import TrialState, derive_seed

WITHOUT_PRUNER = [name for name in SETTINGS if "optuna" not in name or "none" in name]


class NoFiles:
    """The only two methods with which an oracle touches the disk."""

    def save(self) -> None:
        pass

    def _save_trial(self, trial: Any) -> None:
        pass


def bare_oracle(base: type, parameters: Any, objective: Any, seed: int, **arguments: Any) -> Any:
    oracle = type("Bare", (NoFiles, base), {})(
        objective=keras_tuner.Objective(objective.metric, objective.direction[:3]),
        hyperparameters=compile_space(parameters),
        seed=seed,
        **arguments,
    )
    oracle.verbose = 0
    oracle.seed = oracle._seed_state = seed
    return oracle


def drive(oracle: Any, parameters: Any, objective: Any, trials: int, before_ask: Any = None) -> list[Any]:
    """The bare library as its own Tuner drives it: create, update once an epoch, end."""
    proposals = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        for number in range(trials):
            if before_ask:
                before_ask(oracle, number)
            trial = oracle.create_trial(f"slot {number}")
            if trial.status != "RUNNING":
                break
            values = dict(trial.hyperparameters.values)
            configuration = decode(parameters, values)
            parent = values.get("tuner/trial_id")
            proposals.append((configuration, values.get("tuner/epochs", 9), None if parent is None else int(parent)))
            for epoch in range(values.get("tuner/initial_epoch", 0) + 1, values.get("tuner/epochs", 9) + 1):
                oracle.update_trial(trial.trial_id, {objective.metric: curve(configuration, epoch)}, step=epoch)
            trial.status = "COMPLETED"
            oracle.end_trial(trial)
    return proposals


def proposed(rows: Any) -> list[Any]:
    return [(row.parameters, row.epochs, row.parent) for row in rows]


# The bare libraries ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("parameters", [SMALL, MIXED], ids=["small", "mixed"])
def test_random_proposes_what_keras_tuner_alone_does(parameters, seed):
    oracle = bare_oracle(RandomSearchOracle, parameters, MAXIMIZE, oracle_seed(seed), max_trials=60)
    bare = drive(oracle, parameters, MAXIMIZE, 60)

    rows = Run(parameters, SETTINGS["random"], seed=seed).go(60)

    assert proposed(rows) == bare


@pytest.mark.parametrize("objective", [MAXIMIZE, MINIMIZE], ids=["maximize", "minimize"])
@pytest.mark.parametrize("seed", [0, 7])
def test_hyperband_proposes_what_keras_tuner_alone_does(objective, seed):
    budget = {"max_epochs": 9, "factor": 3, "hyperband_iterations": 2}
    oracle = bare_oracle(HyperbandOracle, MIXED, objective, oracle_seed(seed), **budget)
    bare = drive(oracle, MIXED, objective, 1000)

    run = Run(MIXED, SETTINGS["hyperband"], objective=objective, seed=seed)

    assert proposed(run.go(1000)) == bare
    assert run.backend.ask(len(run.rows)) is NoProposal.EXHAUSTED


@pytest.mark.parametrize("objective", [MAXIMIZE, MINIMIZE], ids=["maximize", "minimize"])
def test_bayesian_proposes_what_keras_tuner_alone_does_when_seeded_at_each_ask(objective):
    parameters = {key: SMALL[key] for key in ("x", "rate")}  # six random trials, then the Gaussian process

    def reseed(oracle, number):
        seed = derive_seed(oracle_seed(0), number)
        oracle._random_state = np.random.RandomState(seed)
        oracle.gpr.random_state = seed

    oracle = bare_oracle(BayesianOptimizationOracle, parameters, objective, oracle_seed(0), max_trials=100)
    bare = drive(oracle, parameters, objective, 8, reseed)

    rows = Run(parameters, SETTINGS["bayesian"], objective=objective, seed=0).go(8)

    assert proposed(rows) == bare


@pytest.mark.parametrize("sampler", ["tpe", "random"])
@pytest.mark.parametrize("pruner", ["none", "median", "successive_halving", "hyperband"])
def test_optuna_proposes_and_prunes_what_optuna_alone_does_when_seeded_at_each_ask(sampler, pruner):
    pruners = {
        "none": optuna.pruners.NopPruner(),
        "median": optuna.pruners.MedianPruner(),
        "successive_halving": optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
        "hyperband": optuna.pruners.HyperbandPruner(1, 9, 3),
    }
    samplers = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
    study = optuna.create_study(direction="maximize", pruner=pruners[pruner], study_name="seed 0")
    bare = []
    for number in range(60):
        study.sampler = samplers[sampler](seed=derive_seed(0, number))
        trial = study.ask()
        configuration = {
            "x": trial.suggest_float("x", 0.0, 1.0),
            "rate": trial.suggest_float("rate", 1e-4, 1.0, log=True),
            "kind": trial.suggest_categorical("kind", ["a", "b", "c"]),
        }
        state = TrialState.COMPLETE
        best = 0.0
        for epoch in range(1, 10):
            value = curve(configuration, epoch)
            best = max(best, value)
            trial.report(value, epoch)
            if trial.should_prune():
                state = TrialState.PRUNED
                break
        if state is TrialState.PRUNED:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, best)
        bare.append((configuration, state, epoch))

    rows = Run(SMALL, SETTINGS[f"optuna-{sampler}-{pruner}-finished"], seed=0).go(60)

    assert [(row.parameters, row.state, len(row.values)) for row in rows] == bare
    assert (pruner == "none") == all(row.state is TrialState.COMPLETE for row in rows)


# Every backend ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETTINGS)
def test_a_backend_rebuilt_at_any_point_goes_on_as_if_nothing_had_happened(name):
    parameters = SMALL if name == "bayesian" else FINITE if name == "grid" else MIXED
    trials, cuts = (14, [5, 11, 12]) if name == "bayesian" else (45, range(1, 45, 3))
    outcomes = [TrialState.COMPLETE] * 6 + [TrialState.FAILED, TrialState.INVALID, TrialState.INVALID]

    def outcome(number, configuration):
        return outcomes[derive_seed(3, number) % 9]

    whole = Run(parameters, SETTINGS[name], lag=3, outcome=outcome).go(trials)
    cut = Run(parameters, SETTINGS[name], lag=3, outcome=outcome).go(trials, cuts)

    assert cut == whole
    assert len({json.dumps(row.parameters) for row in whole}) > len(whole) / 3


@pytest.mark.parametrize("name", [n for n in SETTINGS if n.startswith("optuna") and n.endswith("finished")])
def test_an_order_of_telling_by_chance_is_rebuilt_too(name):
    def go(cuts):
        run, chance = Run(MIXED, SETTINGS[name]), random.Random(5)
        while len(run.rows) < 40:
            if len(run.rows) in cuts:
                run.restart()
            row = run.ask()
            run.train(row.number, until=4)
            running = [row.number for row in run.rows if row.told is None]
            if len(running) > 3:
                number = chance.choice(running)
                run.train(number)
                run.tell(number)
        return run.rows

    assert go(range(2, 40, 3)) == go(())


@pytest.mark.parametrize("name", WITHOUT_PRUNER)
def test_inactive_parameters_are_absent_in_500_samples(name):
    parameters = FINITE if name in ("grid", "bayesian") else MIXED
    settings = SETTINGS[name]
    if name == "hyperband":
        settings = replace(settings, arguments={"max_epochs": 9, "factor": 3, "iterations": 22})
    # What has failed teaches a sampler nothing: enough results for it to begin, and asking stays quick for 500 trials.
    results = 0 if name == "bayesian" else 60

    def outcome(number, configuration):
        return TrialState.COMPLETE if number < results or name == "hyperband" else TrialState.FAILED

    seen = Run(parameters, settings, epochs=1, outcome=outcome).go(500)

    assert len(seen) == 500 or len(seen) == Points(parameters).size
    assert all(has_right_activity(parameters, row.parameters) for row in seen)
    assert set(parameters) == {key for row in seen for key in row.parameters}


@pytest.mark.parametrize("name", WITHOUT_PRUNER)
def test_every_value_of_a_grid_is_reached_and_keeps_its_kind_and_its_decimal_text(name):
    parameters = {key: FINITE[key] for key in ("activation", "alpha", "blocks")}
    seen = Run(parameters, SETTINGS[name], epochs=1, seed=3).go(27)

    values = {json.dumps(row.parameters["activation"]) for row in seen}
    assert values == {'"relu"', '"leaky_relu"', "null", "true", "1"}
    assert {repr(row.parameters["alpha"]) for row in seen if "alpha" in row.parameters} == {"0.1", "0.2", "0.3"}


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "grid"])
def test_zero_is_a_seed_and_different_seeds_are_different_searches(name):
    trials = 5
    first, second, other = (
        [row.parameters for row in Run(MIXED, SETTINGS[name], seed=seed).go(trials)] for seed in (0, 0, 1000)
    )

    assert first == second
    assert not [configuration for configuration in first if configuration in other]


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "grid"])
def test_neighbouring_seeds_are_not_shifted_copies_of_each_other(name):
    """Keras Tuner's draws of seeds s and s + p are one sequence, shifted by a trial when p parameters are active."""
    draws = [Run(SMALL, SETTINGS[name], seed=seed).go(6) for seed in range(8)]

    repeated = Counter(row.parameters["x"] for rows in draws for row in rows)

    assert max(repeated.values()) == 1


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "hyperband"])
def test_a_finite_space_is_used_up_and_then_the_search_is_over(name):
    parameters = {key: FINITE[key] for key in ("activation", "alpha")}  # 9 configurations
    run = Run(parameters, SETTINGS[name], epochs=1, lag=2)

    rows = run.go(5000)

    assert {json.dumps(row.parameters) for row in rows} == {
        json.dumps(p) for p in map(Points(parameters).__getitem__, range(9))
    }
    assert run.backend.ask(len(rows)) is NoProposal.EXHAUSTED


@pytest.mark.parametrize("name", SETTINGS)
def test_a_space_without_parameters_is_one_trial(name):
    run = Run({}, SETTINGS[name])

    rows = run.go(10)

    assert [(row.parameters, row.epochs) for row in rows] == [({}, 9)]


@pytest.mark.parametrize("name", SETTINGS)
def test_configurations_to_try_first_come_first_and_once(name):
    points = Points(FINITE)
    first = (points[100], points[3])
    run = Run(FINITE, replace(SETTINGS[name], enqueue=first), epochs=1)

    rows = run.go(2)
    run.restart()
    rows = run.go(12 if name == "bayesian" else 60)

    assert [row.parameters for row in rows[:2]] == list(first)
    if name in ("grid", "random", "hyperband"):
        drawn = [json.dumps(row.parameters) for row in rows if row.parent is None]
        assert len(set(drawn)) == len(drawn)
    if name == "hyperband":
        assert {(row.bracket, row.rung) for row in rows[:9]} == {(2, 0)}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_configuration_to_try_first_that_is_invalid_is_not_tried_again(name):
    first = Points(FINITE)[50]
    run = Run(
        FINITE,
        replace(SETTINGS[name], enqueue=(first,)),
        epochs=1,
        outcome=lambda number, configuration: TrialState.INVALID if number == 0 else TrialState.COMPLETE,
    )

    run.go(2)
    run.restart()
    rows = run.go(5)

    assert rows[0].parameters == first
    assert rows[1].parameters != first


@pytest.mark.parametrize("name", SETTINGS)
def test_asking_and_telling_says_whether_it_learns_and_prunes(name):
    backend = Run(FINITE, SETTINGS[name]).backend

    assert backend.learns == (name not in ("random", "grid"))
    assert backend.prunes == (name.startswith("optuna") and "none" not in name)


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "bayesian"])
def test_two_backends_in_one_process_do_not_disturb_each_other(name):
    alone = Run(FINITE, SETTINGS[name], seed=1).go(12)

    one, two = Run(FINITE, SETTINGS[name], seed=1), Run(FINITE, SETTINGS[name], seed=2)
    for trials in range(1, 13):
        one.go(trials)
        two.go(trials)

    assert one.rows == alone


# Hyperband -------------------------------------------------------------------------------------------------------


def rungs(rows: Any) -> dict[tuple[int, int], list[Any]]:
    table: dict[tuple[int, int], list[Any]] = {}
    for row in rows:
        if row.state is not TrialState.INVALID:
            table.setdefault((row.bracket, row.rung), []).append(row)
    return table


@pytest.mark.parametrize("lag", [0, 4, 16])
@pytest.mark.parametrize("objective", [MAXIMIZE, MINIMIZE], ids=["maximize", "minimize"])
def test_hyperband_promotes_the_true_top_of_each_rung_within_its_own_bracket(lag, objective):
    settings = replace(SETTINGS["hyperband"], arguments={"max_epochs": 27, "factor": 3, "iterations": 1})
    run = Run(MIXED, settings, objective=objective, epochs=27, lag=lag)
    run.go(1000)
    table = rungs(run.finish())

    for (bracket, rung), promoted in table.items():
        if rung == 0:
            assert all(row.parent is None for row in promoted)
            continue
        below = table[bracket, rung - 1]
        best = sorted(below, key=lambda row: row.value, reverse=objective is MAXIMIZE)[: len(promoted)]
        assert {row.parent for row in promoted} == {row.number for row in best}
        assert all(row.parameters == run.rows[row.parent].parameters for row in promoted)
        assert all(row.epochs > run.rows[row.parent].epochs for row in promoted)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_failures_do_not_shrink_hyperband(share):
    settings = replace(SETTINGS["hyperband"], arguments={"max_epochs": 27, "factor": 3, "iterations": 1})

    def outcome(number, configuration):
        return TrialState.FAILED if derive_seed(1, number) % 100 < 100 * share else TrialState.COMPLETE

    run = Run(MIXED, settings, epochs=27, lag=4, outcome=outcome)
    run.go(1000)

    assert len(run.finish()) == 70


def test_an_invalid_trial_costs_hyperband_no_place():
    def outcome(number, configuration):
        return TrialState.INVALID if derive_seed(1, number) % 3 == 0 else TrialState.COMPLETE

    valid = Run(MIXED, SETTINGS["hyperband"], lag=3)
    valid.go(1000)
    run = Run(MIXED, SETTINGS["hyperband"], lag=3, outcome=outcome)
    run.go(1000)

    sizes = {place: len(rows) for place, rows in rungs(run.finish()).items()}
    assert sizes == {place: len(rows) for place, rows in rungs(valid.finish()).items()}
    assert [row for row in run.rows if row.state is TrialState.INVALID]


def test_a_study_continued_with_more_iterations_goes_on_where_it_stood():
    once = replace(SETTINGS["hyperband"], arguments={"max_epochs": 9, "factor": 3, "iterations": 1})
    from_the_start = Run(MIXED, SETTINGS["hyperband"]).go(1000)

    run = Run(MIXED, once)
    run.go(1000)
    run.settings = SETTINGS["hyperband"]
    run.restart()

    assert run.go(1000) == from_the_start


def test_hyperband_waits_for_a_rung_and_a_wait_leaves_no_trace():
    run = Run(MIXED, replace(SETTINGS["hyperband"], arguments={"max_epochs": 3, "factor": 3, "iterations": 1}))
    while isinstance(run.ask(), NoProposal) is False:
        pass

    assert run.backend.ask(len(run.rows)) is NoProposal.WAIT
    assert run.backend.ask(len(run.rows)) is NoProposal.WAIT
    run.restart()
    assert run.backend.ask(len(run.rows)) is NoProposal.WAIT


def test_hyperband_in_a_space_too_small_for_it_ends_when_the_space_is_used_up():
    parameters = {key: FINITE[key] for key in ("activation", "alpha")}
    run = Run(parameters, SETTINGS["hyperband"], lag=2)

    run.go(1000)

    drawn = [json.dumps(row.parameters) for row in run.rows if row.parent is None]
    assert len(drawn) == len(set(drawn)) == 9
    assert run.backend.ask(len(run.rows)) is NoProposal.EXHAUSTED


# Verdicts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", ["median", "successive_halving", "hyperband"])
def test_under_order_number_a_verdict_does_not_see_trials_that_were_not_known(pruner):
    def verdicts(rivals_first):
        """Trial 20 is proposed when 0 .. 15 are known; its rivals 16 .. 19 run before or after it."""
        run = Run(SMALL, SETTINGS[f"optuna-random-{pruner}-number"])
        for _ in range(16):
            row = run.ask()
            run.train(row.number)
            run.tell_ready(16)
        for _ in range(5):
            run.ask()
        for number in [16, 17, 18, 19, 20] if rivals_first else [20, 19, 18, 17, 16]:
            run.train(number)
        return [(row.state, len(row.values)) for row in run.rows]

    assert verdicts(rivals_first=True) == verdicts(rivals_first=False)


@pytest.mark.parametrize("pruner", ["median", "successive_halving", "hyperband"])
def test_an_epoch_that_is_trained_again_after_a_restart_gets_the_same_verdict(pruner):
    settings = SETTINGS[f"optuna-tpe-{pruner}-number"]
    plain = Run(SMALL, settings, lag=2).go(40)

    run = Run(SMALL, settings, lag=2)
    while len(run.rows) < 40:
        run.go(len(run.rows) + 1)
        run.restart()
        for row in run.rows:
            if row.state is TrialState.RUNNING:  # its checkpoint is that of the first epoch
                for epoch in range(2, len(row.values) + 1):
                    assert run.backend.report(row.number, epoch, row.values[epoch]) == "continue"

    assert run.rows == plain


# Failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), None])
@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "grid"])
def test_a_value_that_is_no_number_is_no_good_result(name, value):
    run = Run(SMALL, SETTINGS[name])
    row = run.ask()
    run.rows[0] = replace(row, state=TrialState.COMPLETE, value=value, told=0)
    run.backend.tell(run.rows[0])
    run.told = 1

    assert isinstance(run.backend.ask(1), Proposal)


def test_bayesian_does_not_propose_what_has_failed_again():
    parameters = {key: FINITE[key] for key in ("activation", "blocks")}  # 15 configurations

    def outcome(number, configuration):
        return TrialState.COMPLETE if configuration["activation"] in ("relu", "leaky_relu", None) else TrialState.FAILED

    rows = Run(parameters, SETTINGS["bayesian"], epochs=1, outcome=outcome).go(15)

    failed = [json.dumps(row.parameters) for row in rows if row.state is TrialState.FAILED]
    assert len(failed) == len(set(failed))


# The registry ----------------------------------------------------------------------------------------------------


def test_every_registered_name_leads_to_something():
    for names in (registry.BACKENDS, registry.SAMPLERS, registry.PRUNERS):
        for reference in names.values():
            assert callable(registry.resolve(reference))
