"""Which schema a database has, and how it gets the present one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from hpsearch.errors import DatabaseUnusable, SchemaOutdated

PRESENT = "0001"  # the last migration; a test compares it with the folder
_MIGRATIONS = Path(__file__).parent / "migrations"


def version(connection: Connection) -> str | None:
    """The schema's version, or None where the database has no tables at all. DatabaseUnusable when it is not ours."""
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return None
    if not {"alembic_version", "studies", "trials"} <= tables:
        raise DatabaseUnusable("it holds other tables than hpsearch's; give another --database.")
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def is_empty(connection: Connection) -> bool:
    """Whether the database has no tables at all."""
    return not inspect(connection).get_table_names()


def require_present(connection: Connection, path: Path) -> None:
    """Do nothing where the schema is the present one; else say in one sentence what to do."""
    found = _version(connection, path)
    if found is None:
        raise DatabaseUnusable(f"{path} is empty: no study was ever written to it.")
    if found == PRESENT:
        return
    if found < PRESENT:
        raise SchemaOutdated(
            f"{path} was made by an older hpsearch (schema {found}, this one has {PRESENT}):"
            f" run `hpsearch db upgrade --database {path}` first."
        )
    raise SchemaOutdated(
        f"{path} was made by a newer hpsearch (schema {found}, this one knows {PRESENT}): update hpsearch to read it."
    )


def create(engine: Engine, path: Path) -> None:
    """Make the tables in an empty database; nothing where there are some."""
    with engine.begin() as connection:  # with the write lock: of two who create at once, one finds it done
        if _version(connection, path) is None:
            _make(connection)


def upgrade(engine: Engine, path: Path) -> tuple[str | None, str]:
    """Bring the schema to the present version in one transaction; give the versions before and after."""
    with engine.begin() as connection:
        before = _version(connection, path)
        if before is not None and before > PRESENT:
            require_present(connection, path)
        if before != PRESENT:
            _migrate(connection)
    return before, PRESENT


def _version(connection: Connection, path: Path) -> str | None:
    try:
        return version(connection)
    except DatabaseUnusable as error:
        if str(error).startswith(str(path)):  # SQLite itself refused the file
            raise
        raise DatabaseUnusable(f"{path} is not a database of hpsearch: {error}") from error


def _make(connection: Connection) -> None:
    """What all migrations together make, without Alembic, whose import takes longer than all the rest."""
    script = (_MIGRATIONS / "present.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
