"""Parameter importances by PED-ANOVA: what sets the best tenth of the trials apart from all of them."""

from __future__ import annotations

import functools
import math
import threading
import warnings
import weakref
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna
import plotly.graph_objects as go
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from hpsearch.figures.axes import active, measured, shortened
from hpsearch.figures.rows import Parameter, StudyRows
from hpsearch.figures.theme import BLUE, new_figure, nothing_to_draw, plain
from hpsearch.lean import without
from hpsearch.space import Parameter as Definition
from hpsearch.space import ParameterKind, Scale
from hpsearch.wording import in_words

if TYPE_CHECKING:
    import pandas

with without("sklearn"):  # 1.2 of 1.4 s; Optuna's other two evaluators, which use it, cannot in this process
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

# Optuna announces every study, also one in memory; its own logger alone is told to be quiet.
optuna.logging.set_verbosity(optuna.logging.ERROR)

TITLE = "Parameter importances"
FEWEST = 10  # trials: with fewer the best tenth is not even one
BEST = 0.1  # share of the trials that count as the best; Optuna's own default
_FEW_BEST = 5  # Optuna advises at least so many
_quiet = threading.Lock()  # filters of warnings belong to the whole process
_known: weakref.WeakKeyDictionary[StudyRows, Importances] = weakref.WeakKeyDictionary()  # other figures ask, too


@dataclass(frozen=True, slots=True)
class Importances:
    """What the figure draws.

    Attributes:
        parameters: ``parameter, importance, active``, the most important first: importances add up to 1, `active` is
            in how many of the trials the parameter was active.
        trials: complete ones, on which the importances rest.
        best: how many of them are the best tenth, equal values included.
        reason: why there are no importances, in one sentence.
    """

    parameters: pandas.DataFrame
    trials: int
    best: int
    metric: str
    reason: str | None = None


def facts(rows: StudyRows) -> Importances:
    """Importances of all parameters that at least two complete trials have, those under a condition included."""
    if rows not in _known:
        _known[rows] = _facts(rows)
    return _known[rows]


def _facts(rows: StudyRows) -> Importances:
    import pandas

    trials = measured(rows)
    trials = trials[trials["state"] == "complete"]
    best = _best(trials["value"])
    parameters = {}
    for parameter in rows.parameters:
        is_active = active(rows, parameter.name, trials)
        if is_active.sum() > 1 and trials.loc[is_active, parameter.column].nunique(dropna=False) > 1:
            parameters[parameter.name] = (parameter, is_active)
    found: dict[str, float] = {}
    reason = _reason(len(trials), best, len(parameters))
    if reason is None:
        study = _Given(_optuna_trials(rows, trials, parameters), rows.is_maximized)
        with _quiet, warnings.catch_warnings():
            # of a parameter that one trial alone has not: the evaluator then leaves that trial out, as it may
            warnings.filterwarnings("ignore", message="Some regimes for parameter")
            evaluator = PedAnovaImportanceEvaluator(target_quantile=BEST)
            found = get_param_importances(study, evaluator=evaluator, params=list(parameters))
    table = pandas.DataFrame(
        [(name, float(found[name]), int(parameters[name][1].sum())) for name in parameters if name in found],
        columns=["parameter", "importance", "active"],
    )
    table = table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)
    return Importances(table, len(trials), best, rows.metric, reason)


def _best(values: pandas.Series[Any]) -> int:
    """How many of `values`, the best first, are in the best tenth; equal ones count as one does."""
    if not len(values):
        return 0
    worst = values.iloc[math.ceil(BEST * len(values)) - 1]
    return int((values == worst).to_numpy().nonzero()[0][-1]) + 1


def _reason(trials: int, best: int, parameters: int) -> str | None:
    if trials < FEWEST:
        return f"Importances rest on at least {FEWEST} complete trials; there are {trials}."
    if best == trials:
        return "No importances: the trials' values hardly differ, so none stands out."
    return None if parameters else "No importances: no parameter varies."


class _Given(optuna.Study):
    """A study in memory with given trials. To add ten thousand one by one would take a second."""

    def __init__(self, trials: list[FrozenTrial], is_maximized: bool) -> None:
        study = optuna.create_study(direction="maximize" if is_maximized else "minimize")
        self.__dict__.update(study.__dict__)
        self._given = trials

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """The given trials, which are complete."""
        return self._given


def _optuna_trials(
    rows: StudyRows, trials: pandas.DataFrame, parameters: Mapping[str, tuple[Parameter, pandas.Series[bool]]]
) -> list[FrozenTrial]:
    values: list[dict[str, Any]] = [{} for _ in range(len(trials))]
    distributions: list[dict[str, BaseDistribution]] = [{} for _ in range(len(trials))]
    for name, (parameter, is_active) in parameters.items():
        definition = rows.definitions[name]
        distribution = _distribution(definition)
        places = is_active.to_numpy().nonzero()[0].tolist()
        present = _as_optuna(definition, trials.loc[is_active, parameter.column].tolist())
        for place, value in zip(places, present, strict=True):
            values[place][name] = value
            distributions[place][name] = distribution
    return [
        FrozenTrial(
            place, TrialState.COMPLETE, value, None, None, values[place], distributions[place], {}, {}, {}, place
        )
        for place, value in enumerate(trials["value"].tolist())
    ]


def _distribution(definition: Definition) -> BaseDistribution:
    """Choices by their places, so that values of mixed kinds stay apart."""
    is_log = definition.scale is Scale.LOG
    if definition.kind is ParameterKind.CHOICE:
        return CategoricalDistribution(range(len(definition.values)))
    assert definition.min is not None
    assert definition.max is not None
    if definition.kind is ParameterKind.INT:
        return IntDistribution(int(definition.min), int(definition.max), is_log, int(definition.step or 1))
    return FloatDistribution(float(definition.min), float(definition.max), is_log, definition.step)


def _as_optuna(definition: Definition, values: Sequence[Any]) -> Sequence[Any]:
    if definition.kind is not ParameterKind.CHOICE:
        return values
    import pandas

    @functools.cache
    def place(kind: str, value: Any) -> int:  # by kind, too: True and 1 are one key
        return definition.index_of(None if pandas.isna(value) else value)

    return [place(type(value).__name__, value) for value in values]


def figure(facts: Importances) -> go.Figure:
    """One bar a parameter, the most important on top."""
    if facts.reason is not None:
        return nothing_to_draw(facts.reason)
    parameters = facts.parameters.iloc[::-1]
    drawn = new_figure(height=110 + 30 * len(parameters))
    drawn.add_trace(
        go.Bar(
            x=parameters["importance"].to_numpy(),
            y=[plain(shortened(name)) for name in parameters["parameter"]],
            customdata=[[plain(bar.parameter), bar.active] for bar in parameters.itertuples()],
            orientation="h",
            marker={"color": BLUE},
            text=[f"{importance:.2f}" for importance in parameters["importance"]],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{customdata[0]}: %{x:.3f}<br>active in %{customdata[1]} trials<extra></extra>",
        )
    )
    most = float(parameters["importance"].max())
    drawn.update_xaxes(title="importance", range=[0, 1.12 * most])
    drawn.update_yaxes(automargin=True, ticks="", fixedrange=True)
    return drawn


def caption(facts: Importances) -> str:
    """What the figure shows, in words."""
    if facts.reason is not None:
        return facts.reason
    few = f" With only {facts.best} of the best this is a first hint." if facts.best < _FEW_BEST else ""
    partly = facts.parameters[facts.parameters["active"] < facts.trials]
    names = [f"{parameter.parameter} ({parameter.active:,} do)" for parameter in partly.itertuples()]
    conditional = f" Not all trials have {', '.join(names)}." if names else ""
    return (
        f"PED-ANOVA over {facts.trials:,} complete trials: what sets the best tenth of them by "
        f"{in_words(facts.metric)}, which are {facts.best:,}, apart from the others.{conditional}{few}"
    )
