"""The `parameters` section: what each definition says by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from hpsearch.space.constants import Constants, Unsound
from hpsearch.space.expressions import LARGEST
from hpsearch.space.families import MOST_MEMBERS, Assembly, Definitions, Draft
from hpsearch.space.parameters import Parameter, ParameterKind, Scale
from hpsearch.space.problems import Place, Problems, check_keys, did_you_mean, show
from hpsearch.space.references import ReferenceSyntaxError, reference_in
from hpsearch.space.values import BROKEN, Pairs, Plain, Scalar, contains_broken, equal, is_number, is_whole

LARGEST_WHOLE = 2**53  # beyond, neighbouring whole numbers are one number to floats
LARGEST_GRID = 1_000_000  # values

_NUMERIC_KEYS = ("type", "min", "max", "step", "scale", "when", "each")
_CHOICE_KEYS = ("type", "values", "when", "each")


def read_definitions(tree: Plain, problems: Problems, place: Place = ("parameters",)) -> Definitions:
    """The constants, parameters and families of the section, all mistakes recorded."""
    if tree is None:
        return Definitions()
    if not isinstance(tree, dict):
        if tree is not BROKEN:
            problems.add(place, f"`parameters` is {show(tree)}, but a mapping of names was expected.")
        return Definitions()
    return _Section(tree, problems, place).read()


class _Section:
    def __init__(self, tree: dict[str, Plain], problems: Problems, place: Place) -> None:
        self._problems = problems
        self._place = place
        self._constants = Constants(tree, problems, place)
        self._drafts: dict[str, Draft] = {}

    def read(self) -> Definitions:
        for name, definition in self._constants.searched.items():
            self._parameter(name, definition)
        return Assembly(self._drafts, self._constants, self._problems, self._place).assemble()

    def _parameter(self, name: str, definition: Plain) -> None:
        before = len(self._problems)
        place = (*self._place, name)
        try:
            if isinstance(definition, list) and not isinstance(definition, Pairs):
                self._drafts[name] = Draft(self._choice(name, definition, place), {}, None)
            else:
                self._drafts[name] = self._full(name, definition, place)
        except Unsound:
            self._constants.broken.add(name)
        if len(self._problems) > before:
            self._constants.broken.add(name)
            self._drafts.pop(name, None)

    def _full(self, name: str, definition: Plain, place: Place) -> Draft:
        if not isinstance(definition, dict) or contains_broken(definition):
            raise Unsound
        kinds = [kind.value for kind in ParameterKind]
        if "type" not in definition:
            check_keys(
                self._problems, definition, place, (*_NUMERIC_KEYS, "values"), f"The parameter `{name}`", ["type"]
            )
            raise Unsound
        if definition["type"] not in kinds:
            self._problems.add(
                (*place, "type"),
                f"`{name}` has the type {show(definition['type'])}{did_you_mean(str(definition['type']), kinds)}",
            )
            raise Unsound
        kind = ParameterKind(definition["type"])
        keys = _CHOICE_KEYS if kind is ParameterKind.CHOICE else _NUMERIC_KEYS
        required = ["values"] if kind is ParameterKind.CHOICE else ["min", "max"]
        if not check_keys(self._problems, definition, place, keys, f"The {kind} parameter `{name}`", required):
            raise Unsound
        if kind is ParameterKind.CHOICE:
            values = definition["values"]
            if not isinstance(values, list) or isinstance(values, Pairs):
                self._problems.add(
                    (*place, "values"), f"`values` of `{name}` is {show(values)}, but a list was expected."
                )
                raise Unsound
            parameter = self._choice(name, values, (*place, "values"))
        else:
            parameter = self._numeric(name, kind, definition, place)
        return Draft(
            parameter, self._when(name, definition.get("when", {}), place), self._each(name, definition, place)
        )

    def _choice(self, name: str, items: Sequence[Plain], place: Place) -> Parameter:
        if not items:
            self._problems.add(place, f"The choice `{name}` is empty; give at least one value.")
            raise Unsound
        values: list[Scalar] = []
        sound = True
        for number, item in enumerate(items):
            try:
                value = self._constants.value(item, (*place, number))
            except Unsound:
                sound = False
                continue
            if any(equal(value, other) for other in values):
                self._problems.add(
                    (*place, number), f"The choice `{name}` has {show(value)} twice; values that are equal are one."
                )
                sound = False
            values.append(value)
        if not sound:
            raise Unsound
        return Parameter(name, ParameterKind.CHOICE, values=tuple(values))

    def _numeric(self, name: str, kind: ParameterKind, definition: Mapping[str, Plain], place: Place) -> Parameter:
        low = self._number(name, kind, "min", definition, place)
        high = self._number(name, kind, "max", definition, place)
        step = self._number(name, kind, "step", definition, place) if "step" in definition else None
        scale = definition.get("scale", Scale.LINEAR.value)
        if scale not in list(Scale):
            self._problems.add(
                (*place, "scale"), f"`scale` of `{name}` is {show(scale)}, but linear or log was expected."
            )
            raise Unsound
        if low is None or high is None or ("step" in definition and step is None):
            raise Unsound
        if abs(low) > LARGEST or abs(high) > LARGEST:
            self._problems.add(place, f"`{name}` goes beyond {LARGEST:.0e}, which no training needs.")
        elif low > high:
            self._problems.add((*place, "min"), f"`{name}` has min {low} above max {high}; swap them.")
        elif scale == Scale.LOG and low <= 0:
            self._problems.add((*place, "min"), f"`{name}` has min {low}, but `scale: log` needs a min above 0.")
        elif scale == Scale.LOG and step is not None:
            self._problems.add(
                (*place, "step"),
                f"`{name}` has both `scale: log` and `step`; for a few values write a choice, such as "
                f"[{', '.join(str(value) for value in _powers(low, high))}], else leave `step` out.",
            )
        elif step is not None:
            self._check_grid(name, low, high, step, place)
        return Parameter(name, kind, low, high, step, Scale(scale))

    def _number(
        self, name: str, kind: ParameterKind, key: str, definition: Mapping[str, Plain], place: Place
    ) -> int | float | None:
        try:
            value = self._constants.value(definition[key], (*place, key))
        except Unsound:
            return None
        if not is_number(value):
            self._problems.add((*place, key), f"`{key}` of `{name}` is {show(value)}, but a number was expected.")
            return None
        if kind is ParameterKind.FLOAT:
            return float(value)
        if not is_whole(value) or abs(value) > LARGEST_WHOLE:
            wanted = "a whole number was expected" if not is_whole(value) else "whole numbers go up to 2**53"
            self._problems.add((*place, key), f"`{key}` of the int `{name}` is {value}, but {wanted}.")
            return None
        return int(value)

    def _check_grid(self, name: str, low: int | float, high: int | float, step: int | float, place: Place) -> None:
        if step <= 0:
            self._problems.add((*place, "step"), f"`step` of `{name}` is {step}, but a number above 0 was expected.")
            return
        if not (high - low) / step <= LARGEST_GRID:
            self._problems.add(
                (*place, "step"), f"`{name}` has more than {LARGEST_GRID:,} steps of {step}; leave `step` out."
            )
            return
        first, last, width = (Decimal(repr(number)) for number in (low, high, step))
        steps = (last - first) // width
        reached = first + steps * width
        if reached != last:
            written = int(reached) if isinstance(low, int) else float(reached)
            self._problems.add(
                (*place, "step"),
                f"`{name}` does not reach its max {high} from {low} in steps of {step}: the last value is {written}; "
                f"change max or step.",
            )

    def _each(self, name: str, definition: Mapping[str, Plain], place: Place) -> str | int | None:
        """The number of a family's members: a whole number, or the name of the parameter that is it."""
        if "each" not in definition:
            return None
        tree, place = definition["each"], (*place, "each")
        try:
            reference = reference_in(tree)
        except ReferenceSyntaxError as error:
            self._problems.add(place, str(error))
            raise Unsound from None
        if reference is not None and not isinstance(reference, str):
            if len(reference.names) == 1 and reference.text.strip() in reference.names:
                reference = reference.text.strip()
            elif any(not self._constants.is_constant(other) for other in reference.names):
                self._problems.add(
                    place, f"`each` of `{name}` is {show(tree)}, but a number or one `$name` was expected."
                )
                raise Unsound
        if isinstance(reference, str) and reference in self._constants.searched:
            return reference
        if isinstance(reference, str) and reference not in self._constants.names:
            if reference not in self._constants.broken:
                self._problems.add(
                    place, f"There is no parameter `{reference}`{did_you_mean(reference, self._constants.names)}"
                )
            raise Unsound
        count = self._constants.value(tree, place)
        if not is_whole(count) or not 1 <= int(count or 0) <= MOST_MEMBERS:
            self._problems.add(
                place, f"`each` of `{name}` is {show(count)}, but a whole number from 1 to {MOST_MEMBERS} was expected."
            )
            raise Unsound
        return int(count or 0)

    def _when(self, name: str, tree: Plain, place: Place) -> Mapping[str, Plain]:
        if (isinstance(tree, dict) and tree) or tree == {}:
            return {parent: tree[parent] for parent in tree}
        self._problems.add(
            (*place, "when"), f"`when` of `{name}` is {show(tree)}, but a mapping of parameters to values was expected."
        )
        raise Unsound


def _powers(low: float, high: float) -> list[float]:
    """A few values from `low` to `high` that a person would choose on a logarithmic scale."""
    ratio = (high / low) ** 0.25
    if isinstance(low, int) and isinstance(high, int):
        doubled = [low * 2**power for power in range(64) if low * 2**power < high]
        return [*doubled, high] if len(doubled) < 8 else [low, high]
    return [low, *(float(f"{low * ratio**power:.1g}") for power in (1, 2, 3)), high]
