"""The short sections that are the same for every trial: study, objective, limits."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hpsearch.space.catalogue import Catalogue, Kind
from hpsearch.space.problems import Place, Problems, check_keys, check_whole, did_you_mean, show
from hpsearch.space.settings import Limits
from hpsearch.space.values import BROKEN, Plain, Section, as_number, is_number, is_whole, seconds_of
from hpsearch.wording import STUDY_NAME, STUDY_NAME_IN_WORDS

DIRECTIONS = ("maximize", "minimize")
DURATIONS = ("timeout", "trial_timeout", "epoch_timeout")


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
            f"`study` is {show(name)}, but a name was expected: {STUDY_NAME_IN_WORDS}.",
        )
    description = tree.get("description", "")
    if description is not BROKEN and not isinstance(description, str):
        problems.add(
            ("description",), f"`description` is {show(description)}, but text was expected; put it in quotes."
        )
    check_whole(problems, tree, "seed", (), least=0, most=2**63 - 1)


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
        check_whole(problems, section, key, place, least)
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
