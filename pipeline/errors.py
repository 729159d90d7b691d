"""Everything the pipeline can say went wrong: one family, one exit code each.

Domain code raises these and never imports click; `cli.main` turns them into one line and the code.
"""


class PipelineError(Exception):
    """The parent of all: `str(error)` is what a person reads, `code` is the process's exit code."""

    code = 1


class InputError(PipelineError):
    """Bad input or usage: nothing was written and nothing is sent."""

    code = 2


class TooLong(InputError):
    """A transcript does not fit the model's window; the message says by how much."""


class IncompleteError(PipelineError):
    """The work is not complete: requests without a job, or rows without an answer."""

    code = 3


class SpendError(PipelineError):
    """Going on would pay for something that may be paid already."""

    code = 5


class DamagedError(PipelineError):
    """A file of the ledger is not what its receipt says."""

    code = 74


class UnfinishedError(PipelineError):
    """Not finished, or locked by another process: run the same command again."""

    code = 75


class DoubtError(UnfinishedError):
    """A job may be paid that nobody can find: only a person can say that it is to be started again."""


class ProviderError(PipelineError):
    """What a provider plugin may raise; use one of the children."""

    code = 4


class Unencodable(ProviderError):
    """The provider cannot express this request; a field is never dropped in silence."""

    code = 2


class Rejected(ProviderError):
    """The service refused, and certainly created nothing: mend the input, the key or the account."""


class Unlisted(Rejected):
    """The service has no list of its jobs: whether one exists cannot be looked up."""


class Busy(ProviderError):
    """The service could not be reached or is busy, and certainly created nothing: try later.

    `retry_after` is the service's own figure in seconds, or None.
    """

    code = 75

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message)
        self.retry_after = retry_after


class Ambiguous(ProviderError):
    """The answer to a start was lost: a job may exist. The core looks for it before it pays again."""

    code = 75


def clean(text: object, limit: int = 500) -> str:
    """Foreign text made safe for a terminal: one line, control and bidi characters escaped, cut."""
    line = " ".join(str(text).split())
    safe = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in line)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"
