"""The sections that are the same for every trial: study, dataset, objective, search, limits."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hpsearch.errors import ConfigError
from hpsearch.space.calls import CUSTOM, name_fault
from hpsearch.space.catalogue import Catalogue, DataFacts, Kind
from hpsearch.space.parameters import Parameter
from hpsearch.space.problems import Place, Problems, check_keys, did_you_mean, show
from hpsearch.space.scopes import holds, is_continuous
from hpsearch.space.settings import Limits, SearchSettings
from hpsearch.space.training_settings import draw_faults, share_or_count_faults
from hpsearch.space.values import (
    BROKEN,
    MOST_COUNT,
    Pairs,
    Plain,
    Scalar,
    as_number,
    contains_broken,
    is_number,
    is_scalar,
    is_whole,
    seconds_of,
)

STUDY_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
DIRECTIONS = ("maximize", "minimize")
DURATIONS = ("timeout", "trial_timeout", "epoch_timeout")
COMMON_SEARCH_KEYS = ("backend", "max_trials", "order", "lag", "enqueue")
DATASET_KEYS = ("name", "validation", "train_subset")
_NUMBERS = ("validation", "train_subset", "test", "rescale")  # where a fraction such as 1/255 is a number
BACKEND_DEFAULTS: Mapping[str, Plain] = {"factor": 3, "iterations": 1, "sampler": "tpe", "pruner": "none"}

Section = dict[str, Plain]


def read_study(tree: Section, problems: Problems) -> None:
    """Check name, description and seed."""
    name = tree.get("study", BROKEN)
    if name is not BROKEN and not isinstance(name, str):
        problems.add(
            ("study",), f"`study` is {show(name)}, but text was expected; put it in quotes or name it in words."
        )
    elif isinstance(name, str) and not STUDY_NAME.fullmatch(name):
        problems.add(
            ("study",),
            f"`study` is {show(name)}, but up to 64 letters, digits, dots, dashes and underscores were expected.",
        )
    description = tree.get("description", "")
    if description is not BROKEN and not isinstance(description, str):
        problems.add(
            ("description",), f"`description` is {show(description)}, but text was expected; put it in quotes."
        )
    _whole(problems, tree, "seed", (), least=0, most=2**63 - 1)


def _whole(problems: Problems, tree: Section, key: str, place: Place, least: int, most: int | None = None) -> bool:
    """Check a whole number where it is written; turns 3.0 into 3."""
    if key not in tree or tree[key] is BROKEN:
        return key not in tree
    value = tree[key]
    if not is_whole(value) or not least <= value <= (MOST_COUNT if most is None else most):
        unbounded = most is None and not (is_whole(value) and value > MOST_COUNT)
        wanted = f"a whole number from {least}" + ("" if unbounded else f" to {most or MOST_COUNT}")
        problems.add((*place, key), f"`{key}` is {show(value)}, but {wanted} was expected.")
        return False
    tree[key] = int(value)
    return True


# Data ----------------------------------------------------------------------------------------------------------------


def read_dataset(
    tree: Plain, problems: Problems, catalogue: Catalogue, base: Path, *, data_needed: bool
) -> tuple[Section | None, DataFacts | None]:
    """The section with defaults and absolute path, and what the data set is; None after a mistake."""
    place: Place = ("dataset",)
    if not isinstance(tree, dict):
        if tree is not BROKEN:
            problems.add(place, f"`dataset` is {show(tree)}, but a mapping such as {{name: cifar10}} was expected.")
        return None, None
    before = len(problems)
    name = tree.get("name")
    if "name" in tree and name is not BROKEN and (fault := name_fault(catalogue, Kind.DATASET, name)) is not None:
        problems.add((*place, "name"), f"{fault.message.rstrip('?.')}{'?' if fault.message.endswith('?') else '.'}")
    if len(problems) > before or not isinstance(name, str):
        keys = [
            key for other in catalogue.names(Kind.DATASET) for key in catalogue.signature(Kind.DATASET, other).arguments
        ]
        check_keys(problems, tree, place, list(dict.fromkeys([*DATASET_KEYS, *keys])), "`dataset`", ["name"])
        return None, None
    try:
        signature = catalogue.signature(Kind.DATASET, name)
    except ConfigError as error:
        problems.add((*place, "name"), str(error))
        return None, None
    known = [*dict.fromkeys([*DATASET_KEYS, *signature.arguments])]
    if CUSTOM.fullmatch(name):
        known = [*dict.fromkeys([*known, *tree])]
    written = {key: value for key, value in tree.items() if key != "written_path"}  # ours, of a resolved space
    check_keys(problems, written, place, known, f"The data set `{name}`", ["name", *sorted(signature.required)])
    section = {key: as_number(value) if key in _NUMBERS else value for key, value in tree.items()}
    _check_parts(section, problems, place)
    if contains_broken(section) or len(problems) > before:
        return None, None
    _make_path_absolute(section, base)
    resolved = {key: value for key, value in section.items() if key not in ("name", "written_path")}
    if isinstance(resolved.get("train_subset"), str):
        del resolved["train_subset"]
    fixed = {key: value for key, value in resolved.items() if key != "train_subset"}  # which is judged as a value
    if (problem := catalogue.problem(Kind.DATASET, name, fixed)) is not None:
        problems.add(_place_of(problem, section, place), f"{problem.rstrip('.')}.")
        return None, None
    return _with_facts(section, {"name": name, **resolved}, problems, catalogue, place, data_needed=data_needed)


def _with_facts(
    section: Section, resolved: Section, problems: Problems, catalogue: Catalogue, place: Place, *, data_needed: bool
) -> tuple[Section | None, DataFacts | None]:
    try:
        facts = catalogue.data_facts(resolved)
    except ConfigError as error:
        if not data_needed:
            return {"validation": 0.1, **section}, None
        problems.add(_place_of(str(error), section, place), f"{str(error).rstrip('.')}.")
        return None, None
    if facts.own_validation:
        if "validation" in section:
            problems.add(
                (*place, "validation"), "This data set has validation images of its own; leave `validation` out."
            )
        return section, facts
    section.setdefault("validation", 0.1)
    part = section["validation"]
    if part is not None and facts.train_size is not None:
        for fault in draw_faults("validation", part, facts.train_size, facts.classes, keep_rest=True):
            problems.add((*place, "validation"), f"{fault.message}.")
    return section, facts


def _place_of(sentence: str, section: Section, place: Place) -> Place:
    key = next((key for key in section if key != "name" and re.search(rf"\b{re.escape(key)}\b", sentence)), None)
    return place if key is None else (*place, key)


def _check_parts(section: Section, problems: Problems, place: Place) -> None:
    if "validation" in section:
        value = section["validation"]
        if value is None or value == "none":
            section["validation"] = None
        elif value is not BROKEN and not _is_reference(value):
            faults = [fault.message for fault in share_or_count_faults("validation", value)]
            if not faults and value == 1:
                faults = ["`validation` is 1, which is all the images or a single one; write a share between 0 and 1"]
            for message in faults:
                problems.add((*place, "validation"), f"{message}.")
    for key in ("path", "written_path"):
        if key in section and section[key] is not BROKEN and (not isinstance(section[key], str) or not section[key]):
            problems.add((*place, key), f"`{key}` is {show(section[key])}, but a file or folder was expected.")
    for key, value in section.items():
        if key != "train_subset" and _is_reference(value):
            problems.add(
                (*place, key), f"{show(value)} is a reference, but `{key}` is the same for every trial; write a value."
            )


def _is_reference(value: Plain) -> bool:
    return isinstance(value, str) and value.lstrip().startswith("$")


def _make_path_absolute(section: Section, base: Path) -> None:
    """A relative path is relative to the file; a bare name that is not there may still lie in the data folder."""
    path = section.get("path")
    if not isinstance(path, str) or os.path.isabs(path):
        return
    beside = Path(os.path.abspath(base / path))
    if beside.exists() or section["name"] != "npz" or Path(path).name != path:
        section["written_path"] = path
        section["path"] = str(beside)


# Objective -----------------------------------------------------------------------------------------------------------


def read_objective(
    tree: Plain, problems: Problems, catalogue: Catalogue, metrics: Sequence[str], *, open_to_known: bool = True
) -> dict[str, str]:
    """Metric and direction with defaults.

    Args:
        metrics: stored names of those that `training` lists.
        open_to_known: whether a known metric that is not listed is measured for the objective's sake.
    """
    default = {"metric": "val_accuracy", "direction": "maximize"}
    place: Place = ("objective",)
    if not isinstance(tree, dict):
        if tree is not BROKEN:
            problems.add(
                place, f"`objective` is {show(tree)}, but a mapping such as {{metric: val_accuracy}} was expected."
            )
        return default
    check_keys(problems, tree, place, ("metric", "direction"), "`objective`")
    metric = tree.get("metric", "val_accuracy")
    if metric is BROKEN or tree.get("direction") is BROKEN:
        return default
    if not isinstance(metric, str):
        problems.add((*place, "metric"), f"`metric` is {show(metric)}, but a name such as val_accuracy was expected.")
        return default
    natural = catalogue.metric_direction(metric)
    if metric.removeprefix("val_") not in ("loss", *metrics) and not (open_to_known and natural is not None):
        others = [catalogue.metric_name(name) for name in catalogue.names(Kind.METRIC)] if open_to_known else []
        stored = ["loss", *metrics, *others]
        known = list(dict.fromkeys([*(f"val_{name}" for name in stored), *stored]))
        problems.add((*place, "metric"), f"`{metric}` is no metric of this study{did_you_mean(metric, known)}")
        return default
    direction = tree.get("direction", natural)
    if direction is None and "direction" not in tree:
        problems.add(place, f"`{metric}` is a metric of one's own, so `direction` must be given: maximize or minimize.")
    elif direction not in DIRECTIONS:
        problems.add(
            (*place, "direction"), f"`direction` is {show(direction)}{did_you_mean(str(direction), DIRECTIONS)}"
        )
    elif natural is not None and direction != natural:
        problems.add(
            (*place, "direction"),
            f"`{metric}` is better when {_sense(natural)}, so `direction: {direction}` is against its sense.",
        )
    else:
        return {"metric": metric, "direction": str(direction)}
    return {"metric": metric, "direction": natural or "maximize"}


def _sense(direction: str) -> str:
    return "larger" if direction == "maximize" else "smaller"


# Search --------------------------------------------------------------------------------------------------------------


def read_search(
    tree: Plain, problems: Problems, catalogue: Catalogue, parameters: Mapping[str, Parameter], *, has_parameters: bool
) -> tuple[Section, SearchSettings] | None:
    """The section with defaults, as a tree and as settings; None after a mistake."""
    place: Place = ("search",)
    if tree is None and not has_parameters:
        tree = {"backend": "grid"}
    elif tree is None:
        tree = {}
    if not isinstance(tree, dict):
        if tree is not BROKEN:
            problems.add(
                place,
                f"`search` is {show(tree)}, but a mapping such as {{backend: random, max_trials: 20}} was expected.",
            )
        return None
    before = len(problems)
    section: Section = {"backend": "random", **tree}
    backend = section["backend"]
    if backend is BROKEN:
        return None
    if (fault := name_fault(catalogue, Kind.BACKEND, backend)) is not None or CUSTOM.fullmatch(str(backend)):
        message = fault.message if fault is not None else f"`{backend}` is not a search backend"
        problems.add((*place, "backend"), message if message.endswith(("?", ".")) else f"{message}.")
        return None
    signature = catalogue.signature(Kind.BACKEND, backend)
    plans_itself = "max_epochs" in signature.arguments
    if plans_itself and "max_trials" in section:
        problems.add((*place, "max_trials"), f"`{backend}` plans its trials from `max_epochs`; leave `max_trials` out.")
        del section["max_trials"]
    known = (*COMMON_SEARCH_KEYS, *signature.arguments)
    required = list(signature.required)
    if not plans_itself and backend != "grid":
        required.append("max_trials")
    check_keys(problems, section, place, known, f"The search backend `{backend}`", required)
    for key in signature.arguments:
        if key in BACKEND_DEFAULTS:
            section.setdefault(key, BACKEND_DEFAULTS[key])
    _check_search_values(section, problems, catalogue, backend, signature.arguments)
    if backend == "grid":
        for parameter in parameters.values():
            if is_continuous(parameter):
                problems.add(
                    ("parameters", parameter.family or parameter.name),
                    f"`{parameter.family or parameter.name}` is a float without `step`, so it has no grid; add `step`.",
                )
    enqueue = _read_enqueue(section.get("enqueue", []), problems, parameters)
    if "enqueue" in section:
        section["enqueue"] = [dict(entry) for entry in enqueue]
    if len(problems) > before or contains_broken(section):
        return None
    arguments = {key: section[key] for key in signature.arguments if key in section}
    return section, SearchSettings(
        backend, arguments, section.get("max_trials"), section.get("order"), section.get("lag"), tuple(enqueue)
    )


def _check_search_values(
    section: Section, problems: Problems, catalogue: Catalogue, backend: str, arguments: Sequence[str]
) -> None:
    place: Place = ("search",)
    before = len(problems)
    for key, least in (("max_trials", 1), ("lag", 0), ("max_epochs", 1), ("factor", 2), ("iterations", 1)):
        if key in COMMON_SEARCH_KEYS or key in arguments:
            _whole(problems, section, key, place, least)
    for key, kind in (("sampler", Kind.SAMPLER), ("pruner", Kind.PRUNER)):
        if key in arguments and key in section and section[key] is not BROKEN:
            value = "none" if section[key] is None and key == "pruner" else section[key]
            if (fault := name_fault(catalogue, kind, value)) is not None:
                problems.add(
                    (*place, key), fault.message if fault.message.endswith(("?", ".")) else f"{fault.message}."
                )
            section[key] = value
    if "order" in section and section["order"] is not BROKEN and section["order"] not in ("number", "finished"):
        problems.add(
            (*place, "order"),
            f"`order` is {show(section['order'])}{did_you_mean(str(section['order']), ('number', 'finished'))}",
        )
    own = {key: section[key] for key in arguments if key in section}
    if (
        len(problems) == before
        and not contains_broken(own)
        and all(key in own for key in arguments if key == "max_epochs")
    ):
        problem = catalogue.problem(Kind.BACKEND, backend, own)
        if problem is not None:
            problems.add(place, f"{problem.rstrip('.')}.")


def _read_enqueue(tree: Plain, problems: Problems, parameters: Mapping[str, Parameter]) -> list[dict[str, Scalar]]:
    place: Place = ("search", "enqueue")
    if tree is BROKEN:
        return []
    if not isinstance(tree, list) or isinstance(tree, Pairs):
        problems.add(place, f"`enqueue` is {show(tree)}, but a list of configurations was expected.")
        return []
    entries: list[dict[str, Scalar]] = []
    for number, entry in enumerate(tree):
        if contains_broken(entry):
            continue
        if not isinstance(entry, dict):
            problems.add(
                (*place, number), f"{show(entry)} is no configuration; a mapping of parameters to values was expected."
            )
            continue
        entry = {name: as_number(value) for name, value in entry.items()}
        found = mistakes_in(entry, parameters)
        for key, message in found:
            problems.add((*place, number, *key), message)
        if not found:
            entries.append({name: canonical(parameters[name], entry[name]) for name in parameters if name in entry})
    return entries


def canonical(parameter: Parameter, value: Scalar) -> Scalar:
    """A legal value in the type that the parameter itself gives it: 3.0 is 3 for an int."""
    if parameter.size is not None:
        return parameter.value_at(parameter.index_of(value))
    return float(value) if isinstance(value, int | float) else value


def mistakes_in(values: Mapping[str, Plain], parameters: Mapping[str, Parameter]) -> list[tuple[tuple[str, ...], str]]:
    """What is wrong with a configuration: which key, and one sentence; it names exactly the active parameters."""
    found: list[tuple[tuple[str, ...], str]] = []
    meant = set()
    for name in values:
        if name not in parameters:
            suggestion = did_you_mean(name, [other for other in parameters if other not in values])
            meant.add(suggestion.partition("`")[2].rstrip("`?"))
            found.append(((name,), f"There is no parameter `{name}`{suggestion}"))
    illegal = {
        name
        for name, parameter in parameters.items()
        if name in values and not (is_scalar(values[name]) and parameter.contains(values[name]))
    }
    for name, parameter in parameters.items():
        unsure = any(condition.parent in illegal or condition.parent not in values for condition in parameter.when)
        active = all(condition.parent in values and holds(condition, values) for condition in parameter.when)
        if name in illegal:
            found.append(((name,), f"`{name}` cannot be {show(values[name])}."))
        elif name in values and not active and not any(c.parent in illegal for c in parameter.when):
            condition = next(c for c in parameter.when if c.parent not in values or not holds(c, values))
            because = (
                f"`{condition.parent}` is {show(values[condition.parent])}"
                if condition.parent in values
                else f"`{condition.parent}` is not there"
            )
            found.append(((name,), f"`{name}` is inactive here, since {because}; leave it out."))
        elif name not in values and active and not unsure and name not in meant:
            found.append(((), f"`{name}` is missing from this configuration; every active parameter needs a value."))
    return found


# Limits --------------------------------------------------------------------------------------------------------------


def read_limits(tree: Plain, problems: Problems) -> tuple[Section, Limits]:
    """The section with the default of `epoch_timeout`, as a tree and as limits."""
    place: Place = ("limits",)
    if not isinstance(tree, dict):
        if tree is not BROKEN:
            problems.add(place, f"`limits` is {show(tree)}, but a mapping such as {{timeout: 2h}} was expected.")
        return {}, Limits()
    known = (
        "timeout",
        "target",
        "max_epochs_total",
        "trial_timeout",
        "epoch_timeout",
        "retries",
        "max_consecutive_failures",
    )
    check_keys(problems, tree, place, known, "`limits`")
    section = {key: value for key, value in tree.items() if key in known}
    for key, least in (("max_epochs_total", 1), ("retries", 0), ("max_consecutive_failures", 1)):
        _whole(problems, section, key, place, least)
    values: dict[str, Plain] = {}
    for key, value in section.items():
        if value is BROKEN:
            continue
        if key in DURATIONS:
            seconds = seconds_of(value)
            if seconds is None or not 0 < seconds < math.inf:
                problems.add(
                    (*place, key), f"`{key}` is {show(value)}, but a duration such as 90s, 10m or 2h was expected."
                )
                continue
            values[key] = seconds
        elif key == "target":
            value = as_number(value)
            if not is_number(value):
                problems.add((*place, key), f"`target` is {show(value)}, but a number was expected.")
                continue
            values[key] = float(value)
        elif is_whole(value):
            values[key] = int(value)
    return {"epoch_timeout": "10m", **section}, Limits(**values)
