"""Together's Batch API, through the `together` SDK.

What this module knows about the wire (SDK 3.x): the SDK repeats a create whose answer is lost, so its
client never retries here; create answers with a wrapper (`.job` may be None); the list is None where
there are no jobs, and is the only way to find a job again, by `input_file_id`; uploads are
content-addressed; answers are not validated by the SDK, so nothing that comes back is taken on trust.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson

from pipeline.errors import Ambiguous, Busy, PipelineError, Rejected, clean
from pipeline.hookspecs import hookimpl
from pipeline.provider import Download, Found, Limits, Provider, Shard, Status
from providers.wire import openai_chat
from providers.wire.http_client import (
    AT_ONCE,
    CERTAIN,
    CHUNK,
    NEVER_SENT,
    TIMEOUT,
    Missing,
    address,
    identifier,
    key,
    safe,
)

KEY = "TOGETHER_API_KEY"
BASE_URL = "TOGETHER_BASE_URL"
ENDPOINT = "/v1/chat/completions"
STATES = {
    "VALIDATING": "running",
    "IN_PROGRESS": "running",
    "CANCELING": "running",
    "CANCELLING": "running",
    "COMPLETED": "completed",
    "FAILED": "failed",
    "EXPIRED": "expired",
    "CANCELLED": "cancelled",
    "CANCELED": "cancelled",
}


class Together(Provider):
    """50,000 requests, 100 MB a file, 10 MB a line; found again by the file's id."""

    name, about, keys = "together", "Together", (KEY,)
    # Served since 2025, and completed batches in a capture of 2026-09-02, at its full price; no chat model is known
    # to be discounted. The default before it, Llama-3.3-70B-Instruct-Turbo, was to be removed on 2026-10-22.
    default_model = "openai/gpt-oss-120b"

    def __init__(self) -> None:
        self._connected: Any = None

    def limits(self, model: str) -> Limits:
        return Limits(
            max_requests=50_000,
            max_bytes=100_000_000,
            max_line_bytes=10_000_000,
            max_enqueued_tokens=30_000_000_000,
            poll=(30.0, 60.0),
        )

    def encode(self, request: Mapping[str, Any]) -> bytes:
        return openai_chat.encode(request)

    def decode(self, line: bytes):
        return openai_chat.decode(line)

    def preflight(self, model: str) -> None:
        key(KEY)
        base_url()

    def stage(self, shard: Shard) -> dict[str, Any]:
        with speaking("upload"):
            file = self._client.files.upload(file=shard.path, purpose="batch-api", check=False)
        stored = getattr(file, "bytes", None)
        if isinstance(stored, int) and stored and stored != shard.bytes:
            raise Busy(f"the upload stored {stored:,} of {shard.bytes:,} bytes")
        return {"file_id": identifier(getattr(file, "id", None), "upload")}

    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        with speaking("list"):
            jobs = self._client.batches.list()
        if jobs is None:
            return []
        if not isinstance(jobs, list):
            raise Busy("the list of jobs is not a list")
        mine = [job for job in jobs if getattr(job, "input_file_id", None) == handle["file_id"]]
        return [Found(_ref(job, shard), _state(job), _created(job)) for job in mine]

    def start(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        client = self._client  # a key that cannot be sent is refused before anything is in doubt
        with starting():
            answer = client.batches.create(endpoint=ENDPOINT, input_file_id=handle["file_id"], timeout=TIMEOUT)
            return _ref(answer.job, shard)

    def poll(self, ref: Mapping[str, Any]) -> Status:
        job = self._job(ref)
        raw = str(getattr(job, "status", None) or "")
        known = raw.upper() in STATES
        return Status(
            _state(job),
            raw=clean(raw, 40),
            done=_done(job, ref),
            error=clean(job.error) if getattr(job, "error", None) else None,
            warning=None if known else f"unknown status {clean(raw, 40)!r}; taken as still running",
        )

    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        job = self._job(ref)
        for name in ("output", "error"):
            if file_id := getattr(job, f"{name}_file_id", None):
                yield from self._download(name, identifier(file_id, "download"))

    def cancel(self, ref: Mapping[str, Any]) -> None:
        with speaking("cancel"):
            self._client.batches.cancel(ref["id"])

    def ask(self, line: bytes, model: str) -> bytes:
        request, client = orjson.loads(line), self._client
        body = request["body"]
        own = {"model": body.pop("model"), "messages": body.pop("messages")}
        with starting("ask"):
            answer = client.chat.completions.with_raw_response.create(**own, extra_body=body, timeout=AT_ONCE)
            return openai_chat.row(request["custom_id"], answer.json())

    # -- the client ------------------------------------------------------------------------------

    @property
    def _client(self) -> Any:
        """The SDK's client, made once. It never retries: one call is one request."""
        if self._connected is None:
            secret, url = key(KEY), base_url()
            import together

            # At INFO httpx prints every URL, and those of storage carry a signature.
            logging.getLogger("httpx").setLevel(logging.WARNING)
            self._connected = together.Together(api_key=secret, base_url=url, max_retries=0)
        return self._connected

    def _job(self, ref: Mapping[str, Any]) -> Any:
        try:
            with speaking("status"):
                job = self._client.batches.retrieve(ref["id"])
        except Missing as error:
            where = f"set the {KEY} (and {BASE_URL}) that started it"
            raise Rejected(f"{error}: no job {ref['id']} for this key at this address; {where}") from None
        if getattr(job, "id", None) != ref["id"]:
            raise Busy(f"the status of job {ref['id']} came back as something else")
        return job

    def _download(self, name: str, file_id: str) -> Iterator[Download]:
        """One file as a stream; the connection is closed when the core is done with it."""
        size = self._size(file_id)
        try:
            with speaking("download"), self._open(file_id) as response:
                yield Download(name, size, _chunks(response))
        except Missing:
            yield Download(name, size, None)

    def _open(self, file_id: str) -> Any:
        # Uncompressed, so that a cut shows: a cut gzip stream looks whole to the HTTP library.
        plain = {"Accept-Encoding": "identity"}
        return self._client.files.with_streaming_response.content(file_id, extra_headers=plain)

    def _size(self, file_id: str) -> int | None:
        """The service's own figure; a service that does not tell is no reason to fail."""
        try:
            with speaking("file"):
                size = getattr(self._client.files.retrieve(file_id), "bytes", None)
        except (Busy, Rejected):
            return None
        return size if isinstance(size, int) and size >= 0 else None


def base_url() -> str | None:
    """TOGETHER_BASE_URL in the form that SDK 3.x wants (without /v1); None for the SDK's own default."""
    url = os.environ.get(BASE_URL, "").strip().rstrip("/").removesuffix("/v1")
    if not url:
        os.environ.pop(BASE_URL, None)  # the SDK takes an empty one literally
        return None
    return address(BASE_URL, url)


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


def _chunks(response: Any) -> Iterator[bytes]:
    with speaking("download"):
        yield from response.iter_bytes(CHUNK)


def _ref(job: Any, shard: Shard) -> dict[str, Any]:
    return {"id": identifier(job.id, "start"), "created": _created(job), "requests": shard.requests}


def _state(job: Any) -> str:
    return STATES.get(str(getattr(job, "status", None) or "").upper(), "running")


def _created(job: Any) -> str:
    created = getattr(job, "created_at", None)
    return created.isoformat() if hasattr(created, "isoformat") else clean(created or "", 40)


def _done(job: Any, ref: Mapping[str, Any]) -> int | None:
    """`progress` is a percentage of the requests."""
    progress = getattr(job, "progress", None)
    if not isinstance(progress, int | float) or not 0 <= progress <= 100:
        return None
    return round(progress / 100 * ref.get("requests", 0))


@hookimpl
def batch_provider() -> Provider:
    return Together()
