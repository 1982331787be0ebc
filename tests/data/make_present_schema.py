"""Writes src/hpsearch/storage/migrations/present.sql: what all migrations together make of an empty database.

    python tests/data/make_present_schema.py

New databases are made from that file, which takes no Alembic; a test compares it with the migrations.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from hpsearch.storage import upgrade_database

PRESENT = Path(__file__).parents[2] / "src" / "hpsearch" / "storage" / "migrations" / "present.sql"


def present_schema() -> str:
    """The statements, in the order in which the migrations made things."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "new.db"
        database.touch()
        upgrade_database(database)
        with closing(sqlite3.connect(database)) as connection:
            made = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'sqlite_sequence' ORDER BY rowid"
            statements = [sql for (sql,) in connection.execute(made)]
            (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    statements.append(f"INSERT INTO alembic_version VALUES ('{version}')")
    lines = [line.rstrip() for statement in statements for line in f"{statement};".splitlines()]
    return "\n".join(["-- Written by tests/data/make_present_schema.py", *lines, ""])


if __name__ == "__main__":
    PRESENT.write_text(present_schema(), encoding="utf-8")
