"""The commands of `gmm-pipeline`, each loaded when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import click


class Entry(NamedTuple):
    """A command: the module of this package that holds it under its name, and what it does."""

    module: str
    summary: str


COMMANDS = {
    "adopt": Entry("adopt_command", "Use a mixture that Spark ML fitted as the model of a column."),
    "bench": Entry("bench_command", "Estimate time, memory and disk of `run`."),
    "config": Entry("config_commands", "Describe and check the file of datasets of Dagster."),
    "demo": Entry("run_commands", "Encode and decode the bundled flights of New York City."),
    "export": Entry("table_commands", "Write the encoded table of a fit."),
    "fits": Entry("status_commands", "List the fits in the store, with their generations."),
    "inverse": Entry("table_commands", "Decode encoded or generated rows."),
    "plan": Entry("plan_commands", "Say what `run` would do with the same arguments, and why."),
    "report": Entry("report_command", "Write one HTML page with a picture of every column."),
    "retry": Entry("run_commands", "Continue the last run."),
    "run": Entry("run_commands", "Fit and encode the columns of a table."),
    "show": Entry("show_command", "Show the modes of a column."),
    "status": Entry("status_commands", "Show the state of each column and stage of a fit."),
    "sync": Entry("sync_command", "Let Dagster show what the store holds."),
    "transform": Entry("table_commands", "Encode other rows with an existing fit."),
    "ui": Entry("ui_command", "Start Dagster's web UI and its daemon."),
}


class LazyGroup(click.Group):
    """The group of `COMMANDS`.

    Loading all of them takes seconds, which `--help` and a shell's completion need not.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; None if there is no such command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"gmm_pipeline.interfaces.cli.{COMMANDS[cmd_name].module}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with what they do."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])
