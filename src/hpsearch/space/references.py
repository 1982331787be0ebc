"""References in values: which names stand in a tree, and what the tree is once the names have values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import lru_cache

from hpsearch.space.expressions import Expression, ExpressionError, parse
from hpsearch.space.problems import Place, listing, show
from hpsearch.space.values import Pairs, Plain, as_number, equal, is_scalar

_NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_BEGINNING = re.compile(r"\$(?:\(|[A-Za-z_])")


class Absent(Enum):
    """The value of a name that is inactive, and of an argument that is left out because of it."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT
Names = Mapping[str, Plain]  # values of all names that a tree can mention; ABSENT where inactive


class Unresolvable(Exception):
    """A tree has no value here: one sentence, and where in the tree.

    Attributes:
        structural: a mistake whatever the other values are (an inactive item of a list, a case that is missing);
            otherwise it may be only this combination of values that fails (a division by zero).
    """

    def __init__(self, place: Place, message: str, *, structural: bool, inactive: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.place = place
        self.structural = structural
        self.inactive = inactive


class ReferenceSyntaxError(Exception):
    """A text that begins like a reference but is none; one sentence."""


def reference_in(text: Plain) -> str | Expression | None:
    """The name in ``$name``, the expression in ``$(...)``, None where a text is just text.

    Raises ReferenceSyntaxError for whatever else holds a reference.
    """
    return _reference_in(text) if isinstance(text, str) and "$" in text else None


@lru_cache(maxsize=8192)
def _reference_in(text: str) -> str | Expression | None:
    if (match := _NAME.fullmatch(text)) is not None:
        return match[1]
    stripped = text.strip()
    if stripped.startswith("$(") and _closes_at_end(stripped):
        try:
            return parse(stripped[2:-1])
        except ExpressionError as error:
            raise ReferenceSyntaxError(f"The expression {show(text)} cannot be read: {error}.") from None
    if is_torn(text):
        raise ReferenceSyntaxError(torn_sentence(text))
    if stripped.startswith("$(") or _BEGINNING.search(text):
        raise ReferenceSyntaxError(
            f"{show(text)} mixes a reference with other text, but a reference is a whole value: `$name` or `$(...)`."
        )
    if stripped.startswith("$"):
        raise ReferenceSyntaxError(
            f"{show(text)} is no reference: after `$` comes a name or an expression in brackets."
        )
    return None


def is_torn(text: Plain) -> bool:
    """Whether `text` is the first half of an expression that YAML ended at a comma or bracket."""
    return isinstance(text, str) and text.lstrip().startswith("$(") and _open_brackets(text) > 0


def is_rest(text: Plain) -> bool:
    """Whether `text` can be what follows a torn half."""
    return isinstance(text, str) and _open_brackets(text) < 0


def torn_sentence(text: str) -> str:
    """What to say about a torn half."""
    return (
        f"The expression {show(text)} is torn: inside {{}} or [] YAML ends an unquoted value at a comma or bracket; "
        f'put the whole expression in quotes: "$(...)".'
    )


def _open_brackets(text: str) -> int:
    return sum(text.count(bracket) for bracket in "([") - sum(text.count(bracket) for bracket in ")]")


def _closes_at_end(text: str) -> bool:
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and position > 0:
            return position == len(text) - 1
    return False


def is_switch(tree: Plain) -> bool:
    """Whether `tree` is ``{switch: ..., cases: ...}``."""
    return isinstance(tree, dict) and "switch" in tree


def cases_of(tree: Mapping[str, Plain]) -> list[tuple[Plain, Plain, Place]]:
    """The cases of a switch, each with its key, its value and where that stands below the switch."""
    cases = tree.get("cases", {})
    if isinstance(cases, dict):
        return [(key, value, ("cases", key)) for key, value in cases.items()]
    return [(key, value, ("cases", number, 1)) for number, (key, value) in enumerate(cases)]


def texts_in(tree: Plain) -> Iterator[str]:
    """Every text in `tree`, keys left out."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from texts_in(value)
    elif isinstance(tree, Pairs):
        for _, value in tree:
            yield from texts_in(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from texts_in(value)


def names_in(tree: Plain) -> frozenset[str]:
    """The names that stand in references of `tree`; texts that are no proper reference count as none."""
    names: set[str] = set()
    for text in texts_in(tree):
        if "$" in text:
            try:
                reference = reference_in(text)
            except ReferenceSyntaxError:
                continue
            names |= {reference} if isinstance(reference, str) else reference.names if reference else set()
    return frozenset(names)


def resolve(tree: Plain, names: Names, place: Place = ()) -> Plain:
    """`tree` with every reference and switch replaced by its value, or ABSENT.

    A named argument whose value is absent is left out; so is a mapping that thereby becomes empty.

    Raises:
        Unresolvable: see there.
    """
    if isinstance(tree, str):
        return resolve_text(tree, names, place)
    if is_switch(tree):
        at, chosen = choose(tree, names, place)
        return resolve(chosen, names, at)
    if isinstance(tree, dict):
        values = {key: resolve(value, names, (*place, key)) for key, value in tree.items()}
        kept = {key: value for key, value in values.items() if value is not ABSENT}
        return ABSENT if values and not kept else kept
    if isinstance(tree, Pairs):
        return Pairs([key, _present(value, names, (*place, number, 1))] for number, (key, value) in enumerate(tree))
    if isinstance(tree, list):
        return [_present(value, names, (*place, number)) for number, value in enumerate(tree)]
    return tree


def resolve_text(text: str, names: Names, place: Place) -> Plain:
    """The value of a text: of the reference that it is, of the fraction that it is, or itself."""
    reference = reference_in(text)
    if reference is None:
        return as_number(text)
    if isinstance(reference, str):
        return names[reference]
    if any(names[name] is ABSENT for name in reference.names):
        return ABSENT
    try:
        return reference.value(names)
    except ExpressionError as error:
        raise Unresolvable(place, f"The expression {show(text)} has no value: {error}", structural=False) from None


def _present(tree: Plain, names: Names, place: Place) -> Plain:
    value = resolve(tree, names, place)
    if value is ABSENT:
        inactive = frozenset(name for name in names_in(tree) if names.get(name) is ABSENT)
        raise Unresolvable(
            place,
            f"An item of a list cannot be left out, but {show(tree)} may be inactive",
            structural=True,
            inactive=inactive,
        )
    return value


def choose(tree: Mapping[str, Plain], names: Names, place: Place) -> tuple[Place, Plain]:
    """The case of a switch that its subject's value leads to, and where it stands. Raises Unresolvable."""
    subject = resolve(tree["switch"], names, (*place, "switch"))
    if subject is ABSENT:
        inactive = frozenset(name for name in names_in(tree["switch"]) if names.get(name) is ABSENT)
        raise Unresolvable(
            (*place, "switch"),
            f"A `switch` needs a value, but {show(tree['switch'])} may be inactive",
            structural=True,
            inactive=inactive,
        )
    for key, value, below in cases_of(tree):
        if is_scalar(subject) and equal(key, subject):
            return (*place, *below), value
    if "default" in tree:
        return (*place, "default"), tree["default"]
    keys = [show(key) for key, _, _ in cases_of(tree)]
    raise Unresolvable(
        (*place, "switch"),
        f"{show(tree['switch'])} can be {show(subject)}, but the cases are {listing(keys)}; add it or a `default`",
        structural=True,
    )
