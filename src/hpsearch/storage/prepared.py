"""Statements of the hot path, turned into SQL once and handed to the driver as they are.

SQLAlchemy works out anew for each execution what a statement with these parameters is; for statements that never change
that takes several times as long as SQLite itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Delete, Dialect, Insert, Select, Update

Processor = Callable[[Any], Any]


class Prepared:
    """A statement whose parameters have always the same names.

    Args:
        statement: with a `bindparam` for each of `names`, or an insert into columns of these names.
        names: of all parameters.
    """

    def __init__(self, statement: Insert | Update | Delete | Select[Any], names: Sequence[str]) -> None:
        self._statement = statement
        self._names = tuple(names)
        self._dialect: Dialect | None = None
        self._sql = ""
        self._order: tuple[str, ...] | None = None  # of the parameters; None where the driver takes them by name
        self._processors: dict[str, Processor | None] = {}

    def run(self, connection: Connection, *rows: Mapping[str, Any]) -> CursorResult[Any]:
        """Execute it with one set of parameters, or once for each of several."""
        if self._dialect is not connection.dialect:
            self._compile(connection.dialect)
        given = [self._parameters(row) for row in rows]
        return connection.exec_driver_sql(self._sql, given if len(given) > 1 else given[0])

    def _compile(self, dialect: Dialect) -> None:
        compiled = self._statement.compile(dialect=dialect, column_keys=self._names)
        self._sql = str(compiled)
        self._order = tuple(compiled.positiontup) if compiled.positiontup is not None else None
        self._processors = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()
        }
        assert set(self._processors) == set(self._names), f"{sorted(self._processors)} in {self._sql}"
        self._dialect = dialect

    def _parameters(self, row: Mapping[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        if self._order is None:
            return {name: self._stored(name, row[name]) for name in self._names}
        return tuple(self._stored(name, row[name]) for name in self._order)

    def _stored(self, name: str, value: Any) -> Any:
        processor = self._processors[name]
        return value if processor is None else processor(value)
