"""The options of the commands. Each can also come from the environment, under the name that the Makefile uses."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any

import click


class Number(click.FloatRange):
    """A number in a range that is one: `nan` passes every comparison, and so every bound."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is no number, like 5.00", param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return super().convert(number, param, ctx)


def variable(name: str, *flags: str, **kwargs: Any) -> Callable:
    """An option that the variable `name` of the Makefile (or the environment) also sets."""
    return click.option(*flags, envvar=name, show_envvar=True, **kwargs)


def workspace(command: Callable) -> Callable:
    run = variable("RUN", "--run", default="default", show_default=True, help="Name of the run.")
    provider = variable("PROVIDER", "--provider", default="together", show_default=True, help="Plugin to use.")
    return run(provider(command))


def reading(command: Callable) -> Callable:
    """What decides which transcripts there are, and how they are read."""
    options = [
        click.argument("files", nargs=-1, type=click.Path(path_type=Path)),
        variable(
            "TRANSCRIPTS",
            "--transcripts",
            "words",
            default="",
            help="Files or folders; those of the last time without it.",
        ),
        variable(
            "ENCODING", "--encoding", default="", help="Encoding of the files; found out for each without it."
        ),
        variable(
            "ERRORS",
            "--errors",
            type=click.Choice(["stop", "skip"]),
            help="A transcript that cannot be read: stop there (the default), or list it in rejected.jsonl.",
        ),
    ]
    return all_of(options, command)


def workers(command: Callable) -> Callable:
    return variable(
        "WORKERS", "--workers", type=click.IntRange(1), help="Processes that read files; the processors without it."
    )(command)


def verbose(command: Callable) -> Callable:
    return variable("VERBOSE", "--verbose", is_flag=True, help="A line for each file, and every warning.")(command)


def asking(command: Callable) -> Callable:
    """What decides the content of a request."""
    options = [
        variable("MODEL", "--model", default="", help="Model; the provider's own default without it."),
        variable("PROMPT", "--prompt", default="", help="File with the prompt, or one of data/prompts."),
        variable("PROMPTS", "--prompts", default="", help="Several, in one run; instead of PROMPT."),
        variable("ANSWER", "--answer", default="", help="JSON Schema that each answer must fit."),
        variable("TEMPLATE", "--template", default="", help="File with the user message; {{ text }} in it."),
        variable(
            "MAX_TOKENS",
            "--max-tokens",
            type=click.IntRange(1),
            help="Most tokens of an answer; 4000 without it.",
        ),
        variable("TEMPERATURE", "--temperature", type=Number(0, 2)),
        variable("TOP_P", "--top-p", type=Number(0, 1, min_open=True)),
        variable("EXTRA", "--extra", default="", help="JSON object of further body fields."),
        variable("CONTEXT", "--context", type=click.IntRange(1), help="The model's window in tokens."),
        variable(
            "LONG",
            "--long",
            type=click.Choice(["refuse", "split", "truncate"]),
            default="refuse",
            show_default=True,
            help="A transcript that does not fit: stop there, ask it in parts, or its beginning alone.",
        ),
        variable(
            "OVERLAP",
            "--overlap",
            type=click.IntRange(0),
            help="Tokens that a part repeats of the one before; 200 without it.",
        ),
    ]
    return all_of(options, command)


def money(command: Callable) -> Callable:
    """What tokens cost, where that is not published or not for you."""
    options = [
        variable("PRICE_IN", "--price-in", type=Number(0, 1e6), help="Dollars for a million tokens of prompts."),
        variable("PRICE_OUT", "--price-out", type=Number(0, 1e6), help="Dollars for a million tokens of answers."),
    ]
    return all_of(options, command)


def sending(command: Callable) -> Callable:
    """What decides which requests are sent, and how many at one time."""
    options = [
        variable("RETRY", "--retry", is_flag=True, help="Send requests without an answer again."),
        variable("REPLACE", "--replace", is_flag=True, help="Pay again for what was sent with another body."),
        variable("EACH", "--each", is_flag=True, help="Send each of several requests that ask the same."),
        variable("SAMPLE", "--sample", type=click.IntRange(1), help="Send only so many, of all lengths."),
        variable(
            "BUDGET",
            "--budget",
            type=Number(0),
            help="Dollars that this run may cost, all it sent included.",
        ),
        variable(
            "QUEUE_TOKENS",
            "--queue-tokens",
            type=click.IntRange(1),
            help="Tokens that may wait at the service at a time.",
        ),
        variable("QUEUE_JOBS", "--queue-jobs", type=click.IntRange(1), help="Jobs that may run at a time."),
    ]
    return all_of(options, money(command))


def starting(command: Callable) -> Callable:
    """What a command needs that may look for a lost job."""
    settle = variable(
        "SETTLE",
        "--settle",
        type=Number(0),
        default=300,
        show_default=True,
        help="Seconds before a start whose answer was lost, and of which no job is listed, is repeated.",
    )
    return workspace(settle(command))


def all_of(options: list[Callable], command: Callable) -> Callable:
    for option in reversed(options):
        command = option(command)
    return command


def asked(
    retry: bool,
    replace: bool,
    each: bool,
    sample: int | None,
    budget: float | None,
    queue_tokens: int | None,
    queue_jobs: int | None,
    adopt: bool = False,
    partial: bool = False,
) -> Any:
    from pipeline.sending.budget import Bounds
    from pipeline.sending.submit import Asked

    return Asked(retry, replace, adopt, each, sample or 0, partial, Bounds(budget, queue_tokens, queue_jobs))
