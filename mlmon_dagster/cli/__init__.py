"""The `mlmon` command line: one file per command, loaded when it is called; every answer also as `--json`."""

import os
import pkgutil
import sys
from importlib import import_module

import click

from mlmon_dagster.cli import _output as output
from mlmon_dagster.errors import InputError, MlmonError
from mlmon_dagster.settings import unknown_variables

HELP = """Operate production models on Dagster: drift, gates, approvals, deployments, audit.

Exit codes: 0 done, 1 the answer is no (drift found, invalid, failed), 2 bad usage, input or configuration,
3 denied, 4 conflict or blocked (gate closed), 5 something needed is unavailable.
"""


class Commands(click.Group):
    """Finds a command in the module of its name; only the called one is imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        modules = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
        return sorted(name.replace("_", "-") for name in modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            from mlmon_dagster.plugins import unknown

            raise click.UsageError(unknown("command", name, tuple(self.list_commands(ctx))), ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(None, "--version", package_name="mlmon_dagster", prog_name="mlmon")
def group() -> None:
    pass


def main() -> None:
    """The console script: runs a command and turns every expected failure into a sentence and an exit code."""
    as_json = "--json" in sys.argv
    for sentence in unknown_variables(os.environ):
        output.warning(sentence, as_json=as_json)
    try:
        code = group.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        output.failure(InputError(error.format_message()), as_json=as_json)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        output.failure(
            MlmonError("interrupted", hint="run the same command again; finished work is kept"), as_json=as_json
        )
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except MlmonError as error:
        output.failure(error, as_json=as_json)
        sys.exit(error.exit_code)
    except OSError as error:
        output.failure(MlmonError(f"{error.strerror or error}: {error.filename or 'output'}"), as_json=as_json)
        sys.exit(1)
