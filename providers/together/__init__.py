"""Together's Batch API, through the `together` SDK.

What this module knows about the wire (SDK 3.x): the SDK repeats a create whose answer is lost, so its
client never retries here; create answers with a wrapper (`.job` may be None); the list is None where
there are no jobs, and is the only way to find a job again, by `input_file_id`; uploads are
content-addressed; answers are not validated by the SDK, so nothing that comes back is taken on trust.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import orjson

from pipeline.errors import Busy, Rejected, clean
from pipeline.hookspecs import hookimpl
from pipeline.provider import Account, Download, Found, Limits, Provider, Shard, Status
from providers.together.client import ADDRESS, BASE_URL, KEY, base_url, connected
from providers.together.job import STATES, done_of, found, ref_of, state_of, told
from providers.together.sdk_errors import listing, speaking, starting
from providers.wire import openai_chat
from providers.wire.check_answer import identifier
from providers.wire.http_client import AT_ONCE, CHUNK, TIMEOUT, Missing
from providers.wire.key_and_address import account, key

ENDPOINT = "/v1/chat/completions"


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
        self.account()

    def account(self) -> Account:
        return account(base_url() or ADDRESS, key(KEY))

    def stage(self, shard: Shard) -> dict[str, Any]:
        with speaking("upload"):
            file = self._client.files.upload(file=shard.path, purpose="batch-api", check=False)
        stored = getattr(file, "bytes", None)
        if isinstance(stored, int) and stored and stored != shard.bytes:
            raise Busy(f"the upload stored {stored:,} of {shard.bytes:,} bytes")
        return {"file_id": identifier(getattr(file, "id", None), "upload")}

    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        return [one for job in self._jobs() if (one := told(job, shard, handle["file_id"]))]

    def start(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        client = self._client  # a key that cannot be sent is refused before anything is in doubt
        with starting(), self._here():
            answer = client.batches.create(endpoint=ENDPOINT, input_file_id=handle["file_id"], timeout=TIMEOUT)
            return ref_of(answer.job, shard)

    def poll(self, ref: Mapping[str, Any]) -> Status:
        job = self._job(ref)
        raw = str(getattr(job, "status", None) or "")
        known = raw.upper() in STATES
        return Status(
            state_of(job),
            raw=clean(raw, 40),
            done=done_of(job, ref),
            error=clean(job.error) if getattr(job, "error", None) else None,
            warning=None if known else f"unknown status {clean(raw, 40)!r}; taken as still running",
        )

    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        job = self._job(ref)
        for name in ("output", "error"):
            if file_id := getattr(job, f"{name}_file_id", None):
                yield from self._download(name, identifier(file_id, "download"))

    def jobs(self) -> Iterator[Found]:
        for job in self._jobs():
            with suppress(Busy):  # an entry that cannot be read names no job to take over
                yield found(job)

    def lines(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        if file_id := getattr(self._job(ref), "input_file_id", None):
            yield from self._download("input", identifier(file_id, "input"))

    def cancel(self, ref: Mapping[str, Any]) -> None:
        with speaking("cancel"):
            self._client.batches.cancel(ref["id"])

    def ask(self, line: bytes, model: str) -> bytes:
        request, client = orjson.loads(line), self._client
        body = request["body"]
        own = {"model": body.pop("model"), "messages": body.pop("messages")}
        with starting("ask"), self._here():
            answer = client.chat.completions.with_raw_response.create(**own, extra_body=body, timeout=AT_ONCE)
            return openai_chat.row(request["custom_id"], answer.json())

    # -- the client ------------------------------------------------------------------------------

    @property
    def _client(self) -> Any:
        """The SDK's client, made once. It never retries: one call is one request."""
        if self._connected is None:
            self._connected, self._http = connected()
        return self._connected

    @contextmanager
    def _here(self) -> Iterator[None]:
        """What may pay is not sent on to where an answer says: that would be a second request."""
        self._http.follow_redirects = False
        try:
            yield
        finally:
            self._http.follow_redirects = True

    def _jobs(self) -> list[Any]:
        with listing():
            jobs = self._client.batches.list()
        if not isinstance(jobs, list | None):
            raise Busy("the list of jobs is not a list")
        return jobs or []

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


def _chunks(response: Any) -> Iterator[bytes]:
    with speaking("download"):
        yield from response.iter_bytes(CHUNK)


@hookimpl
def batch_provider() -> Provider:
    return Together()
