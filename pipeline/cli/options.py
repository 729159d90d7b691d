"""The options of the commands: a table. Each can also come from the environment, under the name that make uses."""

from __future__ import annotations

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


TEXT = {"default": ""}
FLAG = {"is_flag": True}
COUNT = {"type": click.IntRange(1)}
MONEY = {"type": Number(0)}
PRICE = {"type": Number(0, 1e6)}
SHOWN = {"show_default": True}

# What decides which transcripts there are, and how they are read.
READING = {
    "TRANSCRIPTS": TEXT | {"help": "Files or folders; those of the last time without it."},
    "ENCODING": TEXT | {"help": "Encoding of the files; found out for each without it."},
    "ERRORS": {
        "type": click.Choice(["stop", "skip"]),
        "help": "A transcript that cannot be read: stop there (the default), or list it in rejected.jsonl.",
    },
    "WORKERS": COUNT | {"help": "Processes that read files; the processors without it."},
    "VERBOSE": FLAG | {"help": "A line for each file, and every warning."},
}
# What decides the content of a request.
ASKING = {
    "MODEL": TEXT | {"help": "Model; the provider's own default without it."},
    "PROMPT": TEXT | {"help": "File with the prompt, or one of data/prompts."},
    "PROMPTS": TEXT | {"help": "Several, in one run; instead of PROMPT."},
    "ANSWER": TEXT | {"help": "JSON Schema that each answer must fit."},
    "TEMPLATE": TEXT | {"help": "File with the user message; {{ text }} in it."},
    "MAX_TOKENS": COUNT | {"help": "Most tokens of an answer; 4000 without it."},
    "TEMPERATURE": {"type": Number(0, 2)},
    "TOP_P": {"type": Number(0, 1, min_open=True)},
    "EXTRA": TEXT | {"help": "JSON object of further body fields."},
    "CONTEXT": COUNT | {"help": "The model's window in tokens."},
    "LONG": SHOWN
    | {
        "type": click.Choice(["refuse", "split", "truncate"]),
        "default": "refuse",
        "help": "A transcript that does not fit: stop there, ask it in parts, or its beginning alone.",
    },
    "OVERLAP": {
        "type": click.IntRange(0),
        "help": "Tokens that a part repeats of the one before; 200 without it.",
    },
}
# What decides which requests are sent, how many at one time, and what they may cost.
SENDING = {
    "RETRY": FLAG | {"help": "Send requests without an answer again."},
    "REPLACE": FLAG | {"help": "Pay again for what was sent with another body."},
    "EACH": FLAG | {"help": "Send each of several requests that ask the same."},
    "SAMPLE": COUNT | {"help": "Send only so many, of all lengths."},
    "BUDGET": MONEY | {"help": "Dollars that this run may cost, all it sent included."},
    "QUEUE_TOKENS": COUNT | {"help": "Tokens that may wait at the service at a time."},
    "QUEUE_JOBS": COUNT | {"help": "Jobs that may run at a time."},
    "PRICE_IN": PRICE | {"help": "Dollars for a million tokens of prompts."},
    "PRICE_OUT": PRICE | {"help": "Dollars for a million tokens of answers."},
    "ADOPT": FLAG | {"help": "Take over a job of the same requests that this run does not know."},
    "PARTIAL": FLAG | {"help": "Collect what was sent, though not all was."},
}
# What decides how long is waited, and how.
WAITING = {
    "WAIT": FLAG,
    "POLL": {"type": Number(0), "help": "Seconds between polls; the provider's own without it."},
    "SETTLE": SHOWN
    | {
        "type": Number(0),
        "default": 300,
        "help": "Seconds before a start whose answer was lost, and of which no job is listed, is repeated.",
    },
    "STRICT": FLAG | {"help": "Exit 3 if a request has no answer."},
}
VARIABLES = {
    "RUN": SHOWN | {"default": "default", "help": "Name of the run."},
    "PROVIDER": SHOWN | {"default": "together", "help": "Plugin to use."},
    **READING,
    **ASKING,
    **SENDING,
    **WAITING,
    "N": COUNT | SHOWN | {"default": 3, "help": "Transcripts."},
    "ID": TEXT | {"help": "The transcript's id."},
    "JSON": FLAG | {"help": "For programs."},
}
FLAGS = {"N": "--number"}  # where it is not the variable's own name


def option(name: str, words: str = "") -> click.Parameter:
    """The option that a variable of the Makefile (or the environment) also sets, with words of its own for --help.

    `files` is the argument of that name; `no-new-jobs` and others in small letters come from no variable.
    """
    if name == "files":
        return click.Argument([name], nargs=-1, type=click.Path(path_type=Path))
    how = OWN[name] if name in OWN else VARIABLES[name] | {"envvar": name, "show_envvar": True}
    flag = FLAGS.get(name, f"--{name.lower().replace('_', '-')}")
    return click.Option([flag, name], **how | ({"help": words} if words else {}))


OWN = {
    "no_new_jobs": FLAG | {"help": "Only check that every request has a job; never pay."},
    "strict": FLAG | {"help": "Exit 3 if a request has no answer."},
    "kind": {"type": click.Choice(["transcript", "request", "result"]), "default": "transcript"},
}
