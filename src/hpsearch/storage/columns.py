"""Column types: UTC instants, enumerations by their values, and floats that may be NaN or infinite."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Dialect, Enum, TypeDecorator

from hpsearch.study import ParameterValue


class ValueKind(StrEnum):
    """What a measured number is; SQL has no portable NaN, and SQLite stores it as NULL."""

    FINITE = "finite"
    NAN = "nan"
    POSITIVE_INFINITY = "+inf"
    NEGATIVE_INFINITY = "-inf"


class ParameterType(StrEnum):
    """Which column of a parameter's row holds its value."""

    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    NULL = "null"


_NOT_FINITE = {
    ValueKind.NAN: math.nan,
    ValueKind.POSITIVE_INFINITY: math.inf,
    ValueKind.NEGATIVE_INFINITY: -math.inf,
}


def split_number(number: float) -> tuple[float | None, str]:
    """`number` as it is stored: its value where it is finite, and its kind. Zero has no sign: SQLite keeps none."""
    number = float(number) + 0.0
    if math.isfinite(number):
        return number, "finite"
    if math.isnan(number):
        return None, "nan"
    return None, "+inf" if number > 0 else "-inf"


def join_number(value: float | None, kind: str) -> float:
    """The number that `split_number` took apart."""
    return value if value is not None else _NOT_FINITE[ValueKind(kind)]


def split_parameter(value: ParameterValue) -> dict[str, Any]:
    """A parameter's value as its typed columns; 1, 1.0 and true stay what they are."""
    columns: dict[str, Any] = dict.fromkeys(("value_text", "value_integer", "value_float", "value_boolean"))
    match value:
        case None:
            kind = ParameterType.NULL
        case bool():
            kind = ParameterType.BOOLEAN
        case int():
            kind = ParameterType.INTEGER
        case float():
            kind = ParameterType.FLOAT
        case str():
            kind = ParameterType.TEXT
    if kind is not ParameterType.NULL:
        columns[f"value_{kind}"] = value
    return columns | {"kind": kind.value}


def join_parameter(kind: str, value: Any) -> ParameterValue:
    """The parameter's value, of the type that it was stored with, from the one column that holds it."""
    found: ParameterValue = bool(value) if kind == "boolean" else value
    return found


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Stored as UTC without an offset, which SQL can compare; given back aware."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC without its offset; a time without a zone is our own bug."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant in UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


def enumeration(kind: type[StrEnum], name: str) -> Enum:
    """A column of `kind` that stores its lower-case values and checks them in SQL.

    Without `values_callable` SQLAlchemy stores the members' names, and a CHECK on the values never fires.
    """
    return Enum(
        kind,
        name=name,
        values_callable=lambda members: [member.value for member in members],
        native_enum=False,
        create_constraint=True,
        length=max(len(member.value) for member in kind),
    )


def now() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)
