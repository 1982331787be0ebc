"""Names of the `parameters` section that are not searched, and values written in terms of them."""

from __future__ import annotations

import keyword
import re

from hpsearch.space.expressions import FUNCTIONS, ExpressionError
from hpsearch.space.problems import Place, Problems, did_you_mean, show
from hpsearch.space.references import ReferenceSyntaxError, reference_in
from hpsearch.space.values import BROKEN, Plain, Scalar, as_number, is_scalar

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
LONGEST_CHAIN = 50  # of constants that are defined by each other
BUILT_IN = ("classes", "input_shape", "model_parameters")


class Unsound(Exception):
    """A definition has a mistake that is already recorded, or rests on one that has."""


def name_is_free(name: str, problems: Problems, place: Place) -> bool:
    """Whether `name` can be defined; records why not."""
    if not NAME.fullmatch(name):
        problems.add(
            place, f"`{name}` cannot be a name; use up to 64 letters, digits and underscores, not a digit first."
        )
    elif name in BUILT_IN or name in FUNCTIONS:
        problems.add(place, f"`{name}` is built in and cannot be defined; choose another name.")
    elif keyword.iskeyword(name):
        problems.add(place, f"`{name}` is a word of arithmetic's syntax; choose another name, such as `{name}_`.")
    else:
        return True
    return False


class Constants:
    """The constants of a section; bounds, steps and values may be arithmetic over them.

    Attributes:
        values: of the sound ones.
        broken: names that are defined, but not soundly.
    """

    def __init__(self, tree: dict[str, Plain], problems: Problems, place: Place) -> None:
        """`tree` is the section, what is no constant included."""
        self._tree = {name: value for name, value in tree.items() if name_is_free(name, problems, (*place, name))}
        self._problems = problems
        self._place = place
        self._evaluating: list[str] = []
        self.values: dict[str, Scalar] = {}
        self.broken: set[str] = set(tree) - set(self._tree)
        for name, definition in self._tree.items():
            if is_scalar(definition):
                self._constant(name)

    def is_constant(self, name: str) -> bool:
        """Whether `name` is defined as a constant, soundly or not."""
        return name in self._tree and is_scalar(self._tree[name])

    @property
    def searched(self) -> dict[str, Plain]:
        """The definitions that are no constants."""
        return {name: value for name, value in self._tree.items() if not is_scalar(value)}

    @property
    def names(self) -> list[str]:
        """All names that are properly defined, searched or not."""
        return list(self._tree)

    def _constant(self, name: str) -> Scalar:
        if name in self.values:
            return self.values[name]
        place = (*self._place, name)
        if name in self._evaluating:
            cycle = " -> ".join([*self._evaluating[self._evaluating.index(name) :], name])
            self._problems.add(place, f"The constants {cycle} are defined by each other; give one of them a value.")
            self.broken.update(self._evaluating)
            raise Unsound
        if len(self._evaluating) >= LONGEST_CHAIN:
            self._problems.add(place, f"`{name}` ends a chain of more than {LONGEST_CHAIN} constants.")
            self.broken.update(self._evaluating)
            raise Unsound
        self._evaluating.append(name)
        try:
            value = self.value(self._tree[name], place)
        except Unsound:
            self.broken.add(name)
            if len(self._evaluating) > 1:
                raise
            return None
        finally:
            self._evaluating.pop()
        self.values[name] = value
        return value

    def value(self, tree: Plain, place: Place) -> Scalar:
        """The value of a bound, step, value or constant. Raises Unsound where there is none."""
        if tree is BROKEN:
            raise Unsound
        if not is_scalar(tree):
            self._problems.add(place, f"{show(tree)} is no value; a text, number, boolean or null was expected.")
            raise Unsound
        try:
            reference = reference_in(tree)
        except ReferenceSyntaxError as error:
            self._problems.add(place, str(error))
            raise Unsound from None
        if reference is None:
            value: Scalar = as_number(tree)
            return value
        names = [reference] if isinstance(reference, str) else sorted(reference.names)
        values = {name: self._constant_named(name, place) for name in names}
        if isinstance(reference, str):
            return values[reference]
        try:
            result: Scalar = reference.value(values)
        except ExpressionError as error:
            self._problems.add(place, f"The expression {show(tree)} has no value: {error}.")
            raise Unsound from None
        return result

    def _constant_named(self, name: str, place: Place) -> Scalar:
        if name in self.broken:
            raise Unsound
        if name not in self._tree:
            known = [other for other in self._tree if self.is_constant(other) and other not in self._evaluating]
            what = f"`{name}` is known only once the data are" if name in BUILT_IN else f"There is no constant `{name}`"
            self._problems.add(place, what + did_you_mean(name, known))
            raise Unsound
        if not is_scalar(self._tree[name]):
            self._problems.add(
                place, f"`{name}` is a parameter, but bounds, steps, values and constants may use constants alone."
            )
            raise Unsound
        value = self._constant(name)
        if name in self.broken:
            raise Unsound
        return value
