"""What each error of the SDK means: whether it is certain that nothing was created, and what may be repeated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.errors import Ambiguous, Busy, PipelineError, Rejected, Unlisted
from providers.together.client import KEY
from providers.wire.check_answer import safe
from providers.wire.http_client import CERTAIN, NEVER_SENT, NO_LIST, Missing


@contextmanager
def speaking(what: str) -> Iterator[None]:
    """Errors of a call that is safe to repeat, as Rejected or Busy."""
    import together

    try:
        yield
    except together.NotFoundError as error:
        raise Missing(_text(what, error)) from None
    except together.APIStatusError as error:
        raise _refusal(what, error, error.status_code in CERTAIN) from None
    except (PipelineError, OSError):
        raise
    except Exception as error:  # httpx's own, and whatever the SDK stumbles over in an odd answer
        raise Busy(_text(what, error)) from None


@contextmanager
def listing() -> Iterator[None]:
    """As `speaking`, of the list of jobs. Raises Unlisted where there is none."""
    import together

    with speaking("list"):
        try:
            yield
        except together.APIStatusError as error:
            if error.status_code in NO_LIST:
                raise Unlisted(_text("list", error)) from None
            raise


@contextmanager
def starting(what: str = "start") -> Iterator[None]:
    """Errors of a call that may pay: whatever is not certain is Ambiguous, even a bug of the SDK."""
    import together

    try:
        yield
    except together.APIStatusError as error:
        if error.status_code in CERTAIN:
            raise Rejected(_text(what, error)) from None
        if error.status_code == 429:
            raise _refusal(what, error, False) from None
        raise Ambiguous(_text(what, error)) from None
    except together.APIConnectionError as error:
        kind = Busy if type(error.__cause__).__name__ in NEVER_SENT else Ambiguous
        raise kind(_text(what, error)) from None
    except Exception as error:
        raise Ambiguous(_text(what, error)) from None


def _refusal(what: str, error: Any, final: bool) -> Rejected | Busy:
    if final:
        return Rejected(_text(what, error))
    header = error.response.headers.get("retry-after", "")
    return Busy(_text(what, error), float(header) if header.isdigit() else None)


def _text(what: str, error: Any) -> str:
    """One line about an error, in the service's own words; never with the key or a signed URL."""
    status = getattr(error, "status_code", None)
    if status == 401:  # the SDK calls every 401 on an upload a matter of free credits
        return f"{what}: the key in {KEY} was refused (401); check it"
    secret = os.environ.get(KEY, "").strip()
    if status is None:
        cause = error.__cause__ or error
        return f"{what}: {type(cause).__name__}: {safe(error, secret)}"
    body = getattr(error, "body", None)
    reason = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(reason, dict):
        reason = reason.get("message") or reason
    return f"{what}: {safe(reason or 'no reason given', secret)} ({status})"
