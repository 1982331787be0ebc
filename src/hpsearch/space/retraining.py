"""The `retrain` section: which of the best are trained once more, how long, and what differs from the search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from hpsearch.space.checking import Checker, Fault
from hpsearch.space.problems import Place, check_keys, did_you_mean, show
from hpsearch.space.references import ABSENT
from hpsearch.space.scopes import Scope
from hpsearch.space.settings import RetrainSettings
from hpsearch.space.training_settings import KEYS, SettingRules, count_faults, cycles_of, horizon_faults, is_off
from hpsearch.space.values import BROKEN, MOST_COUNT, Plain, equal, is_number, is_scalar, is_whole

TRAINING_KEYS = ("trainer", *KEYS)
OWN_KEYS = ("top", "repeats", "keep", "validation", "snapshots")

Section = dict[str, Plain]


def changed_training(training: Mapping[str, Plain], retrain: Mapping[str, Plain]) -> Section:
    """`training` with the keys that `retrain` replaces whole."""
    return {**training, **{key: value for key, value in retrain.items() if key in KEYS}}


def read_retrain(
    tree: Plain, checker: Checker, rules: SettingRules, training: Mapping[str, Plain], epochs: Plain
) -> tuple[Section, RetrainSettings]:
    """The section with defaults, as a tree and as settings; mistakes are recorded.

    Args:
        training: the section of that name.
        epochs: a trial's full budget, as a tree.
    """
    place: Place = ("retrain",)
    problems = checker.problems
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        if tree is not BROKEN:
            problems.add(place, f"`retrain` is {show(tree)}, but a mapping such as {{epochs: 40}} was expected.")
        return {}, RetrainSettings()
    check_keys(problems, tree, place, (*OWN_KEYS, *KEYS), "`retrain`")
    known = {key: value for key, value in tree.items() if key in (*OWN_KEYS, *KEYS)}
    section: Section = {"top": 1, "repeats": 1, **known}
    top = _check_top(section["top"], checker)
    for key, value in known.items():
        if key != "top":
            rule = partial(_own_faults, rules, key) if key in OWN_KEYS else partial(_setting_faults, rules, key)
            checker.check(value, Scope(), (*place, key), rule)
    _check_together(section, checker, training, epochs)
    if not {"keep", "validation", "snapshots"} & set(section):
        section["keep"] = "best"
    section["repeats"] = int(section["repeats"]) if is_whole(section["repeats"]) else section["repeats"]
    changes = _changes(section, training, epochs)
    repeats = section["repeats"] if isinstance(section["repeats"], int) else 1
    return section, RetrainSettings(top, repeats, changes, known)


def _check_top(top: Plain, checker: Checker) -> int | None:
    if top == "all":
        return None
    if not is_whole(top) or not 1 <= top <= MOST_COUNT:
        if top is not BROKEN:
            checker.problems.add(
                ("retrain", "top"), f"`top` is {show(top)}, but a whole number from 1 or all was expected."
            )
        return 1
    return int(top)


def _setting_faults(rules: SettingRules, key: str, value: Plain) -> Iterator[Fault]:
    """A key of `training` in `retrain`; where its reference is inactive, the trial's own budget holds for epochs."""
    if value is ABSENT and key in ("epochs", "optimizer", "loss"):
        yield Fault(f"`{key}` needs a value", missing=key)
    else:
        yield from rules.faults(key, value)


def _own_faults(rules: SettingRules, key: str, value: Plain) -> Iterator[Fault]:
    if key == "repeats":
        if value is ABSENT:
            yield Fault("`repeats` needs a value", missing="repeats")
        else:
            yield from count_faults("repeats", value)
    elif value is ABSENT:
        return
    elif key == "validation":
        if value not in ("keep", "none", None):
            yield Fault(f"`validation` is {show(value)}{did_you_mean(str(value), ('keep', 'none'))}", structural=False)
    elif key == "keep":
        yield from _keep_faults(rules, value)
    elif key == "snapshots" and (value == [] or not is_off(value)):
        yield from _snapshot_faults(value)


def _keep_faults(rules: SettingRules, value: Plain) -> Iterator[Fault]:
    if isinstance(value, Mapping) and set(value) == {"metric"}:
        if value["metric"] not in rules.measured:
            metric = value["metric"]
            yield Fault(
                f"{show(metric)} is not measured{did_you_mean(str(metric), rules.measured)}",
                ("metric",),
                structural=False,
            )
    elif isinstance(value, Mapping) or value not in ("best", "last"):
        suggestion = (
            did_you_mean(value, ("best", "last"))
            if isinstance(value, str)
            else "; expected best, last or {metric: name}."
        )
        yield Fault(f"`keep` is {show(value)}{suggestion}", structural=False)


def _snapshot_faults(value: Plain) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield Fault(f"`snapshots` is {show(value)}, but a mapping such as {{count: 5, combine: mean}} was expected")
        return
    unknown = [key for key in value if key not in ("count", "combine")]
    for key in unknown:
        yield Fault(f"`snapshots` has no `{key}`{did_you_mean(key, ('count', 'combine'))}", (key,))
    if "count" not in value:
        if not unknown:
            yield Fault("`snapshots` needs `count`", missing="count")
    else:
        yield from (
            Fault(fault.message, ("count",), structural=False) for fault in count_faults("count", value["count"])
        )
    if value.get("combine", "mean") not in ("mean", "vote"):
        combine = value["combine"]
        yield Fault(
            f"`combine` is {show(combine)}{did_you_mean(str(combine), ('mean', 'vote'))}",
            ("combine",),
            structural=False,
        )


def _check_together(section: Section, checker: Checker, training: Mapping[str, Plain], epochs: Plain) -> None:
    """What concerns several keys at once, for every combination of values."""
    changed = changed_training(training, section)
    together: Section = {key: section[key] for key in ("validation", "keep", "snapshots") if key in section}
    together["learning_rate_schedule"] = changed.get("learning_rate_schedule")
    if "epochs" in section or "learning_rate_schedule" in section:  # else the search has the same horizon
        together["epochs"] = section.get("epochs", epochs)
    # what is wrong by itself has been told already, so these checks start only from sound parts
    if checker.silent().is_resolvable(together, Scope(), ("retrain",)):
        checker.check(together, Scope(), ("retrain",), partial(_together_faults, has_epochs="epochs" in section))


def _together_faults(value: Plain, *, has_epochs: bool) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        return
    keep, snapshots, schedule = value.get("keep"), value.get("snapshots"), value.get("learning_rate_schedule")
    without_validation = "validation" in value and value["validation"] in (None, "none")
    cycles = cycles_of(schedule)
    if without_validation and keep is not None and keep != "last":
        yield Fault(
            f"Without validation there is nothing to choose epochs by, so `keep: {_plain(keep)}` cannot be kept",
            ("keep",),
            structural=False,
        )
    if without_validation and not has_epochs and cycles is not None:
        yield Fault("`validation: none` with a cyclic schedule needs `epochs`", ("validation",), structural=False)
    if isinstance(snapshots, Mapping):
        if keep is not None:
            yield Fault(
                "`snapshots` keeps the weights at each cycle's end, so `keep` has no meaning beside it; leave one out",
                ("keep",),
                structural=False,
            )
        count = snapshots.get("count")
        if is_whole(count) and cycles != count:
            found = "there is no cyclic schedule" if cycles is None else f"the schedule has {cycles}"
            yield Fault(
                f"`snapshots` needs a cyclic schedule of {count} cycles, but {found}", ("snapshots",), structural=False
            )
    yield from horizon_faults(value)


def _plain(keep: Plain) -> str:
    return keep if isinstance(keep, str) else show(keep)


def _changes(section: Section, training: Mapping[str, Plain], epochs: Plain) -> bool:
    """Whether the final training differs from a trial's in more than its seed."""
    if section["repeats"] != 1 or section.get("validation", "keep") != "keep" or not is_off(section.get("snapshots")):
        return True
    if not _alike(section.get("epochs", epochs), epochs):
        return True
    return any(
        not (is_off(section[key]) and is_off(training.get(key))) and not _alike(section[key], training.get(key, ABSENT))
        for key in KEYS
        if key in section and key != "epochs"
    )


def _alike(left: Plain, right: Plain) -> bool:
    """Whether two trees say the same."""
    if is_scalar(left) and is_scalar(right):
        return left == right if is_number(left) and is_number(right) else equal(left, right)
    if isinstance(left, dict) and isinstance(right, dict):
        return set(left) == set(right) and all(_alike(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_alike, left, right))
    return False
