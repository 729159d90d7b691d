"""What all commands share: one place for errors and exit codes, one for what is said beside the output."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import Any

import click

from pipeline.base.processes import keep_memory
from pipeline.cli.home import VARIABLE, enter
from pipeline.cli.mistyped import mistyped
from pipeline.cli.named_run import named
from pipeline.cli.wrap import wrapped
from pipeline.errors import Busy, PipelineError

HOME = "The folder that has data/runs: this one."


def check_words(command: click.Command, context: click.Context, args: list[str]) -> None:
    """Raises UsageError for an option that is there twice (of two `--id` click drops the first and says nothing),
    or that has no value: what a shell makes of "$UNSET"."""
    values, _, said = command.make_parser(context).parse_args(args=list(args))
    for param, count in Counter(said).items():
        if isinstance(param, click.Option) and count > 1:
            raise click.UsageError(f"{param.opts[0]} stands there twice: say all in one, in quotes")
        if isinstance(param, click.Option) and not str(values.get(param.name, "-")).strip():
            raise click.UsageError(f"{param.opts[0]} has no value: say one, or leave it out")


class Doors(click.Group):
    """One place turns every error into one line and an exit code; a bug keeps its traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        check_words(self, ctx, args)
        return super().parse_args(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().main(*args, **{**kwargs, "standalone_mode": False})
        except Busy as error:
            fail(f"{error}; nothing is lost: run the same goal again", error.code)
        except PipelineError as error:
            fail(str(error), error.code)
        except click.BadParameter as error:
            fail(mistyped(error), 2)
        except click.ClickException as error:
            fail(error.format_message() if error.format_message().strip() else "no command is named", 2)
        except (click.Abort, KeyboardInterrupt):
            fail("stopped; everything that was begun is written down: run the same goal again", 130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            fail(f"{error.filename or 'file'}: {error.strerror or error}", 74)


def fail(text: str, code: int) -> None:
    click.echo(wrapped(f"error: {named(text)}"), err=True)
    sys.exit(code)


def say(text: str) -> None:
    click.echo(wrapped(named(text)), err=True)


def tell(text: str) -> None:
    """Say what a command has come to, on standard output."""
    click.echo(wrapped(named(text)))


@click.group(cls=Doors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="transcript-batch")
@click.option("--home", default="", envvar=VARIABLE, show_envvar=True, help=HOME)
def main(home: str) -> None:
    """Transcripts in, a language model's answer for each out. `make` lists the goals."""
    if home:
        enter(home)
    os.umask(0o077)  # transcripts and answers are nobody else's business
    keep_memory()
