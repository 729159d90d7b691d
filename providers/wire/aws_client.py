"""boto3 as a client that may pay needs it: each failure says what is certain.

AWS answers 400 to what is wrong for good, and also where a quota is full (nothing was created, and later it may
be) and where an idempotency token came before with other words (and then something may have been created).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.errors import Ambiguous, Busy, PipelineError, Rejected
from providers.wire.check_answer import safe
from providers.wire.http_client import CERTAIN, TIMEOUT, Missing

FULL = ("ThrottlingException", "ServiceQuotaExceededException")
TAKEN = ("ConflictException", "IdempotentParameterMismatch")
LATER = (*FULL, "Throttling", "SlowDown", "RequestTimeout")
# botocore's names for giving up before anything was sent: first what must be mended, then what may pass.
LOCAL = (
    "CredentialRetrievalError",
    "NoCredentialsError",
    "NoRegionError",
    "ParamValidationError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "SSOTokenLoadError",
    "TokenRetrievalError",
    "UnauthorizedSSOTokenError",
)
NEVER_SENT = ("ConnectTimeoutError", "EndpointConnectionError")
HINTS = {
    "NoRegionError": "; set AWS_REGION",
    "NoCredentialsError": "; run `aws configure`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
}


def session() -> Any:
    """boto3 finds credentials, profiles and endpoints as it always does. Raises Rejected."""
    try:
        import boto3
    except ImportError:
        raise Rejected("boto3 is not installed: pip install 'transcript-batch[bedrock]'") from None
    with speaking("client"):
        return boto3.Session(region_name=os.environ.get("AWS_REGION") or None)


def client(session: Any, service: str, **how: Any) -> Any:
    """A client of a service, with further settings of botocore's. Raises Rejected."""
    from botocore.config import Config

    with speaking("client"):
        return session.client(service, config=Config(connect_timeout=TIMEOUT, read_timeout=TIMEOUT, **how))


def parts() -> Any:
    """How an upload is cut: two parts in memory at a time, where boto3 would have ten of 8 MB."""
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(max_concurrency=2)


@contextmanager
def speaking(what: str) -> Iterator[None]:
    """Errors of a call that is safe to repeat, as Rejected or Busy."""
    try:
        yield
    except (PipelineError, OSError):
        raise
    except Exception as raised:
        error = _inner(raised)
        code, status = _verdict(error)
        if status == 404:
            raise Missing(_text(what, error)) from None
        final = code not in LATER and (status in CERTAIN or type(error).__name__ in LOCAL)
        raise (Rejected(_text(what, error)) if final else _busy(what, error)) from None


@contextmanager
def starting(what: str = "start") -> Iterator[None]:
    """Errors of a call that may pay: whatever is not certain is Ambiguous, even a bug of boto3."""
    try:
        yield
    except Exception as error:
        code, status = _verdict(error)
        if code in FULL or status == 429 or type(error).__name__ in NEVER_SENT:
            raise _busy(what, error) from None
        certain = code not in TAKEN and (status in CERTAIN or type(error).__name__ in LOCAL)
        raise (Rejected if certain else Ambiguous)(_text(what, error)) from None


def _inner(error: Exception) -> Exception:
    """What the service said to an upload, which boto3 wraps."""
    wrapped = type(error).__name__ == "S3UploadFailedError" and isinstance(error.__context__, Exception)
    return error.__context__ if wrapped else error


def _verdict(error: Exception) -> tuple[str, int | None]:
    """The service's code and HTTP status; "" and None if it did not answer."""
    answer = getattr(error, "response", None) or {}
    return answer.get("Error", {}).get("Code", ""), answer.get("ResponseMetadata", {}).get("HTTPStatusCode")


def _busy(what: str, error: Exception) -> Busy:
    headers = (getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("HTTPHeaders", {})
    after = headers.get("retry-after", "")
    return Busy(_text(what, error), float(after) if after.isdecimal() else None)


def _text(what: str, error: Exception) -> str:
    """One line about an error, in the service's own words."""
    code, status = _verdict(error)
    if status is None:
        return f"{what}: {type(error).__name__}: {safe(error, '')}{HINTS.get(type(error).__name__, '')}"
    reason = error.response.get("Error", {}).get("Message") or "no reason given"
    return f"{what}: {safe(reason, '')} ({code}, {status})"
