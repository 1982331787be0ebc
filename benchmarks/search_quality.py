"""Do the backends that learn really search, and as well here as in their own libraries?

    python benchmarks/search_quality.py [--seeds 20]

Counts the trials that a search needs until it has found what random search finds in 50, on analytic learning curves
(`docs/simulated.md`) of three parameters: Optuna's TPE and Keras Tuner's Bayesian optimization, each as the bare
library and as a backend of hpsearch, and random search itself, each with the same seeds. Everything that was counted
is written to benchmarks/results/search_quality.json; the bounds in tests/contracts/test_search_quality.py come from it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from threadpoolctl import threadpool_limits

from hpsearch.search.registry import make_backend
from hpsearch.space.parameters import Parameter, ParameterKind, Scale
from hpsearch.space.settings import SearchSettings
from hpsearch.study import Direction, Objective, Parameters, Trial, TrialState, derive_seed
from hpsearch.training.simulated import Curve

RESULT = Path(__file__).parent / "results" / "search_quality.json"
EPOCHS = 9
SEEDS = 20
CHANCE = 50  # trials of random search that set the target
SPACE = {
    "learning_rate": Parameter("learning_rate", ParameterKind.FLOAT, 1e-5, 1.0, scale=Scale.LOG),
    "dropout": Parameter("dropout", ParameterKind.FLOAT, 0.0, 0.9),
    "momentum": Parameter("momentum", ParameterKind.FLOAT, 0.0, 0.99),
}
BACKENDS = {
    "random": SearchSettings("random", {}, max_trials=CHANCE),
    "tpe": SearchSettings("optuna", {"sampler": "tpe", "pruner": "none"}, max_trials=CHANCE),
    "bayesian": SearchSettings("bayesian", {}, max_trials=CHANCE),
}


class Search(Protocol):
    """Proposes and learns, one trial at a time."""

    def ask(self) -> Parameters: ...
    def tell(self, value: float) -> None: ...


class Ours:
    """A backend of hpsearch, with one slot."""

    def __init__(self, name: str, seed: int) -> None:
        objective = Objective("val_accuracy", Direction.MAXIMIZE)
        self._backend = make_backend(SPACE, BACKENDS[name], objective, EPOCHS, derive_seed(seed))
        self._number = 0

    def ask(self) -> Parameters:
        self._parameters = self._backend.ask(self._number).parameters
        return self._parameters

    def tell(self, value: float) -> None:
        trial = Trial(self._number, TrialState.COMPLETE, self._parameters, EPOCHS, seed=1, value=value)
        self._backend.tell(trial)
        self._number += 1


class BareOptuna:
    """Optuna's own loop: ``study.ask()`` and ``study.tell()``."""

    def __init__(self, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))

    def ask(self) -> Parameters:
        self._trial = self._study.ask()
        return {
            name: self._trial.suggest_float(name, parameter.min, parameter.max, log=parameter.scale is Scale.LOG)
            for name, parameter in SPACE.items()
        }

    def tell(self, value: float) -> None:
        self._study.tell(self._trial, value)


class BareKerasTuner:
    """Keras Tuner's Bayesian oracle in the loop of its Tuner, without the files."""

    def __init__(self, seed: int) -> None:
        import keras_tuner

        class NoFiles(keras_tuner.oracles.BayesianOptimizationOracle):
            def save(self) -> None: ...
            def _save_trial(self, trial: object) -> None: ...

        space = keras_tuner.HyperParameters()
        for name, parameter in SPACE.items():
            space.Float(name, parameter.min, parameter.max, sampling=parameter.scale.value)
        objective = keras_tuner.Objective("val_accuracy", "max")
        self._oracle = NoFiles(objective=objective, max_trials=CHANCE, hyperparameters=space, seed=seed)
        self._oracle.verbose = 0

    def ask(self) -> Parameters:
        self._trial = self._oracle.create_trial("tuner0")
        return dict(self._trial.hyperparameters.values)

    def tell(self, value: float) -> None:
        self._oracle.update_trial(self._trial.trial_id, {"val_accuracy": value})
        self._trial.status = "COMPLETED"
        self._oracle.end_trial(self._trial)


CONTENDERS: Mapping[str, Callable[[int], Search]] = {
    "random, hpsearch": lambda seed: Ours("random", seed),
    "TPE, Optuna alone": BareOptuna,
    "TPE, hpsearch": lambda seed: Ours("tpe", seed),
    "Bayesian, Keras Tuner alone": BareKerasTuner,
    "Bayesian, hpsearch": lambda seed: Ours("bayesian", seed),
}


def trials_until(target: float, search: Search, most: int = CHANCE) -> tuple[int, float]:
    """How many trials `search` needs to reach `target`, at most `most` of them, and the best value then."""
    best = -math.inf
    for count in range(1, most + 1):
        value = Curve.of(search.ask()).accuracy(EPOCHS)
        search.tell(value)
        best = max(best, value)
        if best >= target:
            return count, best
    return most, best


def best_of_chance(seeds: Sequence[int]) -> float:
    """What random search finds in 50 trials: the median over `seeds`."""
    return statistics.median(trials_until(math.inf, Ours("random", seed))[1] for seed in seeds)


def main() -> None:
    """Count, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds = range(parser.parse_args().seeds)

    target = best_of_chance(seeds)
    print(f"random's best of {CHANCE}, median of {len(seeds)} seeds: {target:.4f}; trials until it is found")
    print(f"{'':<28} {'median':>7} {'quarter':>8} {'three':>7} {'missed':>7}", flush=True)
    counted, seconds = {}, {}
    for name, make in CONTENDERS.items():
        start = time.perf_counter()
        with threadpool_limits(1), warnings.catch_warnings():  # small matrices: more threads only wait for each other
            warnings.simplefilter("ignore")  # of the Gaussian process, which often meets a bound of its length scale
            runs = [trials_until(target, make(seed)) for seed in seeds]
        seconds[name] = round(time.perf_counter() - start, 1)
        counted[name] = [count for count, _ in runs]
        missed = sum(best < target for _, best in runs)
        low, middle, high = statistics.quantiles(counted[name], n=4, method="inclusive")
        print(f"{name:<28} {middle:7.1f} {low:8.1f} {high:7.1f} {missed:7d}", flush=True)

    RESULT.parent.mkdir(exist_ok=True)
    facts = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "target": target,
        "chance_trials": CHANCE,
        "seeds": len(seeds),
        "versions": {name: version(name) for name in ("hpsearch", "keras-tuner", "optuna")},
        "median_trials": {name: statistics.median(counts) for name, counts in counted.items()},
        "trials": counted,
        "seconds": seconds,
    }
    RESULT.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "numpy"  # nothing is trained, so TensorFlow need not be loaded
    main()
