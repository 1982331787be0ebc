"""The command ``hpsearch``: its subcommands by name, logging, exit codes and the process's Keras backend."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import IO, Any

import click

import hpsearch
from hpsearch.cli import interrupts
from hpsearch.errors import ConfigError, LeaseLost, StorageFull, StoreError, StudyFailed

# name -> where its command is, and its line in the help: shown without loading any of them
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("hpsearch.cli.run:run", "Run the study that a space file describes, or go on with it."),
    "plan": ("hpsearch.cli.plan:plan", "Show what a space file would run."),
    "validate": ("hpsearch.cli.validate:validate", "Check space files and name every mistake."),
    "schema": ("hpsearch.cli.schema:schema", "Print the JSON Schema of a space file."),
    "resume": ("hpsearch.cli.resume:resume", "Go on with a study from what the database holds."),
    "retrain": ("hpsearch.cli.retrain:retrain", "Retrain a study's best trials and test them."),
    "studies": ("hpsearch.cli.studies:studies", "List the studies of the database."),
    "trials": ("hpsearch.cli.trials:trials", "List the trials of a study."),
    "show": ("hpsearch.cli.show:show", "Show a study, or one trial with its epochs."),
    "best": ("hpsearch.cli.best:best", "Show the best configurations of a study and their scores."),
    "predict": ("hpsearch.cli.predict:predict", "Predict classes with a study's retrained model."),
    "export": ("hpsearch.cli.export:export", "Write all trials and epochs of a study to a file."),
    "report": ("hpsearch.cli.report:report", "Write a study as one HTML file."),
    "compare": ("hpsearch.cli.compare:compare", "Compare studies, in a table or one HTML file."),
    "dashboard": ("hpsearch.cli.dashboard:dashboard", "Serve live pages about the studies of the database."),
    "stop": ("hpsearch.cli.stop:stop", "Ask a running study to stop after its present epochs."),
    "delete": ("hpsearch.cli.delete:delete", "Delete a study with its files."),
    "rename": ("hpsearch.cli.rename:rename", "Give a study another name."),
    "db": ("hpsearch.cli.db:db", "Upgrade or check a database."),
    "doctor": ("hpsearch.cli.doctor:doctor", "Show versions, devices and the state of the database."),
}

FAILED = 1  # the study failed, or the disk is full: not the person's mistake
MISTAKE = 2  # the person's, told in one sentence
INTERRUPTED = 128 + signal.SIGINT


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for every command.

    Attributes:
        verbose: how often -v was given.
        keras_backend: the person's own ``KERAS_BACKEND``, for workers; this process has ``numpy``.
    """

    verbose: int = 0
    keras_backend: str | None = None


class Told(click.ClickException):
    """An error that ends the program with its sentence on stderr, without a traceback."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the sentence, nothing around it."""
        click.echo(self.format_message(), file=file, err=file is None)


@contextmanager
def _usage_told() -> Iterator[None]:
    """Let a wrong command line end as any other mistake does: with one sentence."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        sentence = " ".join(error.format_message().split()).replace(". Did you mean", "; did you mean")
        help_at = f"; see `{error.ctx.command_path} --help`." if error.ctx is not None else "."
        raise Told(sentence if sentence.endswith("?") else sentence.rstrip(".") + help_at, MISTAKE) from error


class Commands(click.Group):
    """Subcommands that are imported when they are called, and our errors as exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of a study's life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options in front of the subcommand."""
        with _usage_told():
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; of an unknown one, the nearest is named."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write names and help lines from the table, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand; what the person must act on becomes one sentence and an exit code."""
        try:
            with _usage_told():
                return super().invoke(ctx)
        except (ConfigError, StoreError) as error:
            raise Told(str(error), MISTAKE) from error
        except (StudyFailed, StorageFull, LeaseLost) as error:
            raise Told(str(error), FAILED) from error
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


class StderrHandler(logging.Handler):
    """Writes to what is stderr at the moment: a live display takes its place while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        click.echo(self.format(record), err=True)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("-v", "--verbose", count=True, help="Tell more on stderr; -vv for everything.")
@click.version_option(hpsearch.__version__, prog_name="hpsearch")
@click.pass_context
def cli(ctx: click.Context, verbose: int) -> None:
    """Search the hyperparameters of a Keras model: one YAML file in, the best model retrained and tested out."""
    ctx.obj = Settings(verbose, _keras_backend_of_the_person)
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    handler = StderrHandler()
    detail = " %(levelname)s %(name)s:" if verbose else ""
    handler.setFormatter(logging.Formatter(f"%(asctime)s{detail} %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(handlers=[handler], level=level)
    if verbose < 2:  # every migration step of an up-to-date database is no news
        logging.getLogger("alembic").setLevel(logging.WARNING)


_COLLECT_AFTER = 50_000  # new objects; Python's own 700 makes dozens of collections of what imports leave for good

_keras_backend_of_the_person: str | None = os.environ.get("KERAS_BACKEND")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program with `arguments` (default: the command line's) and exit with its code.

    Keras is put on NumPy here, before anything imports it, whatever the environment says: models are only built on
    paper in this process, and TensorFlow is never loaded. Workers get an environment of their own.
    """
    interrupts.remember()
    gc.set_threshold(_COLLECT_AFTER)
    os.environ["KERAS_BACKEND"] = "numpy"
    try:
        cli.main(args=None if arguments is None else list(arguments), prog_name="hpsearch")
    finally:
        gc.freeze()  # the interpreter's last collections would go through all that was imported: half a second
