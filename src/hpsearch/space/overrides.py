"""``--set key.path=value``: values laid over a document before it is checked."""

from __future__ import annotations

from collections.abc import Sequence

from hpsearch.errors import Problem, SearchSpaceError
from hpsearch.space.problems import Place, Problems, show
from hpsearch.space.reading import read_text
from hpsearch.space.values import Pairs, Plain, equal


def apply_overrides(tree: Plain, overrides: Sequence[str], problems: Problems) -> Plain:
    """`tree` with every ``key.path=value``; the value is YAML, a number in the path counts list items."""
    for override in overrides:
        source = f"--set {override}"
        path, equals, text = override.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            problems.add_found(Problem("This is no key.path=value; an example is search.max_trials=20.", source))
            continue
        own = Problems(source)
        try:
            value = read_text(text, own, None)
            own.raise_if_any()
            tree, place = _replaced(tree, keys, value, ())
        except SearchSpaceError as error:
            for problem in error.problems:
                problems.add_found(Problem(problem.message, source))
        except _NoSuchPlace as error:
            problems.add_found(Problem(str(error), source))
        else:
            problems.note_override(place, source)
    return tree


class _NoSuchPlace(Exception):
    pass


def _replaced(tree: Plain, keys: list[str], value: Plain, place: Place) -> tuple[Plain, Place]:
    """A copy of `tree` with `value` at `keys`, and the place of that."""
    if not keys:
        return value, place
    key, *rest = keys
    if isinstance(tree, dict) or tree is None:
        inner, at = _replaced((tree or {}).get(key), rest, value, (*place, key))
        return {**(tree or {}), key: inner}, at
    where = ".".join(str(part) for part in place)
    if isinstance(tree, Pairs):
        for number, (other, held) in enumerate(tree):
            if (
                str(other) == key
                or (other is None and key == "null")
                or (isinstance(other, bool) and equal(key, str(other).lower()))
            ):
                inner, at = _replaced(held, rest, value, (*place, number, 1))
                return Pairs([*tree[:number], [other, inner], *tree[number + 1 :]]), at
        raise _NoSuchPlace(f"`{where}` has no key `{key}`.")
    if isinstance(tree, list):
        if not key.isdecimal() or int(key) >= len(tree):
            raise _NoSuchPlace(
                f"`{where}` is a list of {len(tree)}; write a number from 0 to {len(tree) - 1} in the place of `{key}`."
            )
        number = int(key)
        inner, at = _replaced(tree[number], rest, value, (*place, number))
        return [*tree[:number], inner, *tree[number + 1 :]], at
    raise _NoSuchPlace(f"`{where}` is {show(tree)}, which has no `{key}`.")
