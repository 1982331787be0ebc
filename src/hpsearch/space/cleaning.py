"""A first look at the values in which references may stand: what cannot be read is reported once and taken out."""

from __future__ import annotations

from hpsearch.space.problems import Place, Problems, nearest, show
from hpsearch.space.references import ReferenceSyntaxError, is_torn, reference_in, torn_sentence
from hpsearch.space.values import BROKEN, Pairs, Plain

_KEYED_BY_VALUES = ("cases", "steps")  # mappings whose keys may be numbers, booleans and null


def clean(tree: Plain, problems: Problems, place: Place) -> Plain:
    """`tree` without torn expressions, unreadable references, texts ``None`` and keys that are no text."""
    return _clean(tree, problems, place)[0]


def _clean(tree: Plain, problems: Problems, place: Place) -> tuple[Plain, int]:
    """The cleaned tree, and how many brackets a torn half at its end leaves open."""
    if isinstance(tree, str):
        return _text(tree, problems, place)
    if isinstance(tree, Pairs):
        if place and place[-1] not in _KEYED_BY_VALUES:
            return refuse_keys(tree, problems, place), 0
        return Pairs([key, _clean(value, problems, (*place, n, 1))[0]] for n, (key, value) in enumerate(tree)), 0
    if isinstance(tree, dict):
        return _mapping(tree, problems, place)
    return _list(tree, problems, place) if isinstance(tree, list) else (tree, 0)


def refuse_keys(tree: Pairs, problems: Problems, place: Place) -> Plain:
    """Report a mapping with keys that are no text where names were expected."""
    key = next(key for key, _ in tree if not isinstance(key, str))
    meant = nearest(str(place[-1]), _KEYED_BY_VALUES) if place else None
    hint = f"; did you mean `{meant}` in the place of `{place[-1]}`?" if meant else ", but a name was expected here."
    problems.add(place, f"The key {show(key)} is not text{hint}")
    return BROKEN


def named_part(tree: Pairs, problems: Problems, place: Place) -> dict[str, Plain]:
    """What stands under names in a section; keys that are no text are reported."""
    for number, (key, _) in enumerate(tree):
        if not isinstance(key, str):
            problems.add((*place, number), f"The key {show(key)} is not text, but a name was expected here.")
    return {key: value for key, value in tree if isinstance(key, str)}


def _text(text: str, problems: Problems, place: Place) -> tuple[Plain, int]:
    if text == "None":
        problems.add(place, "`None` is text here; Keras's None is written null.")
        return BROKEN, 0
    try:
        reference_in(text)
    except ReferenceSyntaxError as error:
        problems.add(place, str(error))
        return BROKEN, _open(text) if is_torn(text) else 0
    return text, 0


def _mapping(tree: dict[str, Plain], problems: Problems, place: Place) -> tuple[Plain, int]:
    cleaned: dict[str, Plain] = {}
    missing = 0  # brackets that the torn half before still has to close
    for key, value in tree.items():
        if missing > 0 and value is None:
            missing += _open(key)
            continue
        if is_torn(key):
            problems.add((*place, key), torn_sentence(key))
            return BROKEN, 0
        cleaned[key], missing = _clean(value, problems, (*place, key))
    return cleaned, max(missing, 0)


def _list(tree: list[Plain], problems: Problems, place: Place) -> tuple[Plain, int]:
    cleaned: list[Plain] = []
    missing = 0
    for number, value in enumerate(tree):
        if missing > 0 and isinstance(value, str):
            missing += _open(value)
            continue
        inner, missing = _clean(value, problems, (*place, number))
        cleaned.append(inner)
    return cleaned, 0


def _open(text: str) -> int:
    return sum(text.count(bracket) for bracket in "([") - sum(text.count(bracket) for bracket in ")]")


def refuse_references(tree: Plain, problems: Problems, place: Place, where: str) -> Plain:
    """`tree` with every reference reported and taken out: in `where` none may stand."""
    if isinstance(tree, str) and tree.lstrip().startswith("$"):
        problems.add(place, f"{show(tree)} is a reference, but `{where}` is the same for every trial; write a value.")
        return BROKEN
    if isinstance(tree, Pairs):
        return refuse_keys(tree, problems, place)
    if isinstance(tree, dict):
        return {key: refuse_references(value, problems, (*place, key), where) for key, value in tree.items()}
    if isinstance(tree, list):
        return [refuse_references(value, problems, (*place, n), where) for n, value in enumerate(tree)]
    return tree
