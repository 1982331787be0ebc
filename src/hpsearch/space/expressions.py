"""Arithmetic of the language: parsed to a whitelist of Python's syntax, evaluated by walking it, never by `eval`."""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hpsearch.space.values import Plain

FUNCTIONS: Mapping[str, Callable[..., Any]] = {"min": min, "max": max, "round": round, "abs": abs}
LONGEST = 400  # characters
LARGEST = 10**18  # magnitude of any number on the way

_ARITHMETIC: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISONS: Mapping[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class ExpressionError(Exception):
    """An expression that cannot be read, or has no value for the numbers given; one clause, no full stop."""


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A checked expression; `names` are those that stand in it, functions left out."""

    text: str
    body: ast.expr
    names: frozenset[str]

    def value(self, names: Mapping[str, Plain]) -> Any:
        """Its value by Python's arithmetic. Raises ExpressionError where it has none."""
        return _evaluate(self.body, names)


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """The arithmetic in `text`, without ``$( )``. Raises ExpressionError."""
    body = _body(text)
    if isinstance(body, ast.Compare):
        raise ExpressionError("comparisons belong in `constraints` alone")
    _check(body)
    return Expression(text, body, _names(body))


@lru_cache(maxsize=1024)
def parse_comparison(text: str) -> Expression:
    """The comparison in `text`, a chain as in Python. Raises ExpressionError."""
    body = _body(text)
    if not isinstance(body, ast.Compare):
        raise ExpressionError("a constraint is one comparison such as `a <= 2 * b`")
    for comparison in body.ops:
        if type(comparison) not in _COMPARISONS:
            raise ExpressionError("constraints compare with <, <=, >, >=, == and != alone")
    for part in (body.left, *body.comparators):
        _check(part)
    return Expression(text, body, _names(body))


def _body(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise ExpressionError(f"it is longer than {LONGEST} characters")
    if "$" in text:
        raise ExpressionError("names stand bare inside an expression: write `u`, not `$u`")
    if "#" in text:
        raise ExpressionError("a remark cannot stand in it")
    if not text.isascii():
        raise ExpressionError("it holds a character that is neither a letter of ASCII, a digit nor an operator")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python remarks on odd syntax that is refused here anyway
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError("it is not arithmetic") from None


def _names(body: ast.expr) -> frozenset[str]:
    called = {id(node.func) for node in ast.walk(body) if isinstance(node, ast.Call)}
    return frozenset(n.id for n in ast.walk(body) if isinstance(n, ast.Name) and id(n) not in called)


def _check(node: ast.expr) -> None:
    match node:
        case ast.Constant(value=bool() | str() | bytes() | None) | ast.Constant(value=complex()):
            raise ExpressionError(f"`{ast.unparse(node)}` is not a number")
        case ast.Constant(value=int() | float() as number):
            _limited(number)
        case ast.Name(id=name):
            if name in FUNCTIONS:
                raise ExpressionError(f"`{name}` is a function: write `{name}(...)`")
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _ARITHMETIC:
            _check(left)
            _check(right)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check(operand)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            _check_call(name, arguments)
        case ast.Subscript(value=ast.List(elts=items), slice=index) if items and not isinstance(
            index, ast.Slice | ast.Tuple
        ):
            for part in (*items, index):
                _check(part)
        case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
            raise ExpressionError(f"`{name}` takes no named arguments")
        case ast.Call():
            raise ExpressionError(
                f"`{ast.unparse(node.func)}` cannot be called; the functions are {', '.join(FUNCTIONS)}"
            )
        case ast.Compare():
            raise ExpressionError("comparisons belong in `constraints` alone, one each")
        case _:
            raise ExpressionError(
                f"`{_short(node)}` is not allowed; an expression is numbers, names, + - * / // % **, "
                f"{', '.join(FUNCTIONS)} and [3, 5, 7][i]"
            )


def _short(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _check_call(name: str, arguments: list[ast.expr]) -> None:
    least, most = {"abs": (1, 1), "round": (1, 2)}.get(name, (2, 50))
    if not least <= len(arguments) <= most or any(isinstance(argument, ast.Starred) for argument in arguments):
        raise ExpressionError(f"`{name}` takes {'two or more numbers' if least == 2 else 'one number'}")
    for argument in arguments:
        _check(argument)


def _evaluate(node: ast.expr, names: Mapping[str, Plain]) -> Any:
    match node:
        case ast.Constant(value=number):
            return number
        case ast.Name(id=name):
            return _number(name, names[name])
        case ast.UnaryOp(op=operation, operand=operand):
            value = _evaluate(operand, names)
            return -value if isinstance(operation, ast.USub) else value
        case ast.BinOp(left=left, op=operation, right=right):
            return _operate(operation, _evaluate(left, names), _evaluate(right, names))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _call(name, [_evaluate(argument, names) for argument in arguments])
        case ast.Subscript(value=ast.List(elts=items), slice=index):
            return _item([_evaluate(item, names) for item in items], _evaluate(index, names))
        case ast.Compare(left=left, ops=operations, comparators=others):
            values = [_evaluate(part, names) for part in (left, *others)]
            return all(
                _COMPARISONS[type(operation)](first, second)
                for operation, first, second in zip(operations, values, values[1:], strict=False)
            )
    raise AssertionError(f"unchecked syntax {ast.dump(node)}")


def _number(name: str, value: Plain) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        kind = "null" if value is None else f"`{value}`" if isinstance(value, str) else str(value).lower()
        raise ExpressionError(f"arithmetic takes numbers, but `{name}` is {kind}")
    return value


def _operate(operation: ast.operator, left: int | float, right: int | float) -> int | float:
    if isinstance(operation, ast.Pow) and abs(left) > 1 and right * math.log(abs(left)) > math.log(LARGEST) + 1:
        raise ExpressionError("it makes a number that is too large")
    try:
        value = _ARITHMETIC[type(operation)](left, right)
    except ZeroDivisionError:
        raise ExpressionError("it divides by zero") from None
    except OverflowError:
        raise ExpressionError("it makes a number that is too large") from None
    return _limited(value)


def _call(name: str, values: list[int | float]) -> int | float:
    if name == "round" and len(values) == 2:
        if values[1] != int(values[1]) or abs(values[1]) > 20:
            raise ExpressionError("`round` takes a whole number of digits up to 20")
        values[1] = int(values[1])
    return _limited(FUNCTIONS[name](*values))


def _item(items: list[int | float], index: int | float) -> int | float:
    if index != int(index) or not -len(items) <= index < len(items):
        raise ExpressionError(f"it asks for item {index} of a list of {len(items)}")
    return items[int(index)]


def _limited(value: Any) -> int | float:
    if isinstance(value, complex):
        raise ExpressionError("it makes a complex number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpressionError("it makes a number that is not finite")
    if abs(value) > LARGEST:
        raise ExpressionError("it makes a number that is too large")
    assert isinstance(value, int | float)
    return value
