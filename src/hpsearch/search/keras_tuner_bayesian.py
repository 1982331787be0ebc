"""Keras Tuner's Bayesian optimisation, exact after a restart. The only oracle that needs scikit-learn and SciPy."""

from __future__ import annotations

import math
import warnings
from typing import Any

import keras_tuner
import numpy as np
import scipy.optimize
import sklearn.exceptions
import sklearn.gaussian_process
from keras_tuner.src.tuners import bayesian
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController

from hpsearch.search.keras_tuner_gaussian import GaussianProcess
from hpsearch.search.keras_tuner_oracles import Recorded, Values
from hpsearch.search.keras_tuner_space import decode
from hpsearch.study import derive_seed

# Several threads make a process of this size slower, by far on a busy machine, and their number decides its last bits.
_THREADS = ThreadpoolController()

# Keras Tuner may have been imported without them, to start sooner
bayesian.sklearn = sklearn
bayesian.scipy = scipy


class BayesianOracle(Recorded, keras_tuner.oracles.BayesianOptimizationOracle):
    """Gaussian process with upper confidence bound, exact after a restart.

    Its random state, which Keras Tuner does not record, is a function of seed and trial number. The process is fitted
    to ended trials before it imagines values for running ones; Keras Tuner asks the process of the proposal before.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._barred: set[str] = set()

    def _make_gpr(self) -> GaussianProcess:
        return GaussianProcess(self.alpha, self.seed)

    def populate_space(self, number: int) -> Any:
        """Values for trial `number`, and whether there are any."""
        if self._enqueued:
            return self._random_populate_space()
        seed = derive_seed(self.seed, number)
        self._random_state = np.random.RandomState(seed)
        self.gpr.random_state = seed
        with _THREADS.limit(limits=1, user_api="blas"), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a length scale at its bound is no news to anybody
            answer = super().populate_space(number)
        if answer["values"] is not None and self._compute_values_hash(answer["values"]) in self._barred:
            # The process learns nothing from a failure, so it would propose the same again and again.
            return self._random_populate_space()
        return answer

    def withdraw(self, number: int) -> None:
        """Trial `number` is invalid: never to be proposed again."""
        self._barred.add(self._compute_values_hash(self.trials[number].hyperparameters.values))

    def finish(self, number: int, score: float | None) -> None:
        """Trial `number` ended. An infinite score counts as a failure: `nan_to_num` would make it a good one."""
        measured = score if score is not None and math.isfinite(score) else None
        super().finish(number, measured)
        if measured is None:
            self.withdraw(number)

    def _vectorize_trials(self) -> Any:
        if self.ongoing_trials:
            running, self.ongoing_trials = self.ongoing_trials, {}
            ended = {number: trial for number, trial in self.trials.items() if number not in running}
            everything, self.trials = self.trials, ended
            self.gpr.fit(*super()._vectorize_trials())
            self.trials, self.ongoing_trials = everything, running
        return super()._vectorize_trials()

    def _vector_to_values(self, vector: Any) -> Values:
        return self._encode(decode(self._parameters, super()._vector_to_values(vector)))
