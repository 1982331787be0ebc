"""The best configuration: its values beside what was allowed, and as Keras code that runs without hpsearch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpsearch.errors import ConfigError, TrialError
from hpsearch.report.material import Material
from hpsearch.report.script import script_of
from hpsearch.report.sections import Content
from hpsearch.space.parameters import Condition, Parameter, ParameterKind, Scale
from hpsearch.storage import Result
from hpsearch.study import Trial
from hpsearch.wording import parameter_value, short

TITLE = "Best configuration"


def content(material: Material) -> Content:
    """One row a parameter, those that are inactive in the best trial included; the script, or why there is none."""
    if material.best is None:
        return material.no_trials
    trial = material.best.trial
    script, why_no_script = _script(material, material.best)
    return {
        "trial": trial,
        "metric": material.study.objective.metric,
        "rows": _rows(trial, material.rows.definitions),
        "script": script,
        "why_no_script": why_no_script,
    }


def _rows(trial: Trial, definitions: Mapping[str, Parameter]) -> list[dict[str, Any]]:
    names = dict.fromkeys([*definitions, *trial.parameters])
    return [
        {
            "name": name,
            "is_active": name in trial.parameters,
            "value": parameter_value(trial.parameters[name]) if name in trial.parameters else "inactive",
            "allowed": allowed(definitions[name]) if name in definitions else "",
            "when": when(definitions[name]) if name in definitions else "",
        }
        for name in names
    ]


def allowed(parameter: Parameter) -> str:
    """What a parameter could have been: ``adam, sgd``, ``0.0001 to 0.1, log``, ``16 to 64 in steps of 16``."""
    if parameter.kind is ParameterKind.CHOICE:
        return ", ".join(map(parameter_value, parameter.values))
    step = f" in steps of {short(parameter.step)}" if parameter.step is not None else ""
    scale = ", log" if parameter.scale is Scale.LOG else ""
    return f"{short(parameter.min)} to {short(parameter.max)}{step}{scale}"


def when(parameter: Parameter) -> str:
    """On what a parameter depends: ``optimizer is sgd``; empty where it is always active."""
    return " and ".join(map(_condition, parameter.when))


def _condition(condition: Condition) -> str:
    if condition.values is not None:
        return f"{condition.parent} is {' or '.join(map(parameter_value, condition.values))}"
    least = f"from {short(condition.min)}" if condition.min is not None else ""
    most = f"up to {short(condition.max)}" if condition.max is not None else ""
    return " ".join(part for part in (condition.parent, least, most) if part)


def _script(material: Material, result: Result) -> tuple[str, str]:
    """The script and nothing, or nothing and a sentence."""
    try:
        return script_of(material.study, result, material.data_dir), ""
    except (ConfigError, TrialError) as error:
        return "", str(error)
