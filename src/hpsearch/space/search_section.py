"""The `search` section: which backend, how much, in what order, and what is tried first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hpsearch.space.calls import CUSTOM, name_fault
from hpsearch.space.catalogue import Catalogue, Kind
from hpsearch.space.given import canonical, mistakes_in
from hpsearch.space.parameters import Parameter
from hpsearch.space.problems import Place, Problems, check_keys, check_whole, did_you_mean, show
from hpsearch.space.scopes import is_continuous
from hpsearch.space.settings import SearchSettings
from hpsearch.space.values import BROKEN, Pairs, Plain, Scalar, Section, as_number, contains_broken

COMMON_SEARCH_KEYS = ("backend", "max_trials", "order", "lag", "enqueue")
BACKEND_DEFAULTS: Mapping[str, Plain] = {"factor": 3, "iterations": 1, "sampler": "tpe", "pruner": "none"}


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
            check_whole(problems, section, key, place, least)
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
