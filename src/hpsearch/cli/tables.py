"""Rows printed for people (aligned text), for programs (JSON) and for spreadsheets (CSV)."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from hpsearch.wording import number

Rows = Sequence[Mapping[str, Any]]


def print_rows(rows: Rows, columns: Sequence[str], format: str) -> None:
    """Print `rows` to stdout; `columns` are those of the text table, JSON and CSV have every key of a row."""
    if format == "json":
        click.echo(to_json([dict(row) for row in rows]))
    elif format == "csv":
        click.echo(_csv(rows, columns), nl=False)
    else:
        click.echo(text_table(rows, columns))


def to_json(value: Any) -> str:
    """`value` as indented JSON; NaN and infinities, which JSON does not have, as text."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, default=str)


def to_line(value: Any) -> str:
    """The same in one line."""
    return json.dumps(_plain(value), ensure_ascii=False, default=str)


def text_table(rows: Rows, columns: Sequence[str]) -> str:
    """An aligned table, numbers to the right; on a terminal lines are cut to its width, elsewhere left whole."""
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(text) for text in texts) for texts in zip(columns, *cells, strict=True)]
    right = [any(_is_number(row.get(column)) for row in rows) for column in columns]
    lines = []
    for texts in [list(columns), *cells]:
        padded = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(texts, widths, right, strict=True)
        )
        lines.append(_cut("  ".join(padded).rstrip()))
    return "\n".join(lines)


def _csv(rows: Rows, columns: Sequence[str]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(columns)
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    return "-" if value is None else number(value) if isinstance(value, float) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cut(line: str) -> str:
    if not sys.stdout.isatty():
        return line
    width = max(shutil.get_terminal_size().columns, 40)
    return line if len(line) <= width else line[: width - 1] + "…"


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
