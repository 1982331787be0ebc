"""The `dataset` section: which images, and how they are split."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hpsearch.errors import ConfigError
from hpsearch.space.calls import CUSTOM, name_fault
from hpsearch.space.catalogue import Catalogue, DataFacts, Kind
from hpsearch.space.problems import Place, Problems, check_keys, show
from hpsearch.space.training_settings import draw_faults, share_or_count_faults
from hpsearch.space.values import BROKEN, Plain, Section, as_number, contains_broken

DATASET_KEYS = ("name", "validation", "train_subset")
_NUMBERS = ("validation", "train_subset", "test", "rescale")  # where a fraction such as 1/255 is a number


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
