"""The batch of the Gemini API (AI Studio), in its file mode, as plain REST.

What this module knows about the wire (v1beta, the documentation and google-genai 3.6): an upload is two calls, and
its file is gone after 48 hours; the model stands in the path of a start, and also in each request of the file; a
job is an Operation, whose `metadata` has the state and the display name, which nothing forbids to be there twice;
an empty list is `{}`; numbers of 64 bits are strings, and a zero is left out; the file of an ended job may be named
later than its end, in one of two places; `files/…:download` redirects to `/download`, which is asked at once here,
because the key must follow no redirect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import orjson

from pipeline.errors import Ambiguous, Busy, Rejected, clean
from pipeline.hookspecs import hookimpl
from pipeline.provider import Account, Download, Found, Limits, Provider, Shard, Status
from providers.gemini.address import API, BASE_URL, base_url
from providers.gemini.job import STATES, done_of, part, ref_of, short, state_of, told, word_of
from providers.gemini.upload import uploaded
from providers.wire import gemini_contents
from providers.wire.check_answer import identifier, record
from providers.wire.http_client import AT_ONCE, Http, Missing
from providers.wire.key_and_address import account, key

KEY = "GEMINI_API_KEY"
MOST_PAGES = 1000  # of 100 jobs


class Gemini(Provider):
    """2 GB a file; found again by the display name, which is the shard's hash."""

    name = "gemini"
    about = "Google's Gemini API (AI Studio)"
    keys = (KEY,)
    discount = "50 % less"
    tag = "display name"
    id_field = "key"

    def limits(self, model: str) -> Limits:
        return Limits(max_bytes=2_000_000_000, max_jobs=100, poll=(30.0, 60.0))

    def encode(self, request: Mapping[str, Any]) -> bytes:
        return gemini_contents.encode(request)

    def decode(self, line: bytes):
        return gemini_contents.decode(line)

    def preflight(self, model: str) -> None:
        self._http  # noqa: B018 (says what is missing)

    def account(self) -> Account:
        http = self._http
        return account(http.base, http.secret)

    def stage(self, shard: Shard) -> dict[str, Any]:
        file = uploaded(self._http, shard)
        stored = gemini_contents.count(file.get("sizeBytes"))
        if stored and stored != shard.bytes:
            raise Busy(f"the upload stored {stored:,} of {shard.bytes:,} bytes")
        return {"file": identifier(file.get("name"), "upload")}

    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        return [found for job in self._jobs() if (found := told(job, shard))]

    def start(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        batch = {"displayName": shard.sha256, "inputConfig": {"fileName": handle["file"]}}
        job = self._http.start(f"{API}/{_model(shard)}:batchGenerateContent", json={"batch": batch})
        try:
            return ref_of(record(job, "start"))
        except Busy as error:  # something was created, and its name is not known
            raise Ambiguous(str(error)) from None

    def poll(self, ref: Mapping[str, Any]) -> Status:
        job = self._job(ref)
        raw = clean(word_of(job), 40)
        why = part(job, "error").get("message")
        return Status(
            state_of(job),
            raw=raw,
            done=done_of(job),
            error=clean(why) if why else None,
            warning=None if short(job) in STATES else f"unknown status {raw!r}; taken as still running",
        )

    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        """One file holds answers and errors."""
        job = self._job(ref)
        for place in (part(job, "response"), part(part(job, "metadata"), "output")):
            if name := place.get("responsesFile"):
                yield from self._download(identifier(name, "download"))
                return

    def cancel(self, ref: Mapping[str, Any]) -> None:
        self._http.send("cancel", "POST", f"{API}/{ref['id']}:cancel")

    def ask(self, line: bytes, model: str) -> bytes:
        row = orjson.loads(line)
        path = f"{API}/{row['request'].pop('model')}:generateContent"
        answer = self._http.start(path, "ask", json=row["request"], timeout=AT_ONCE)
        return orjson.dumps({"key": row["key"], "response": answer})

    # -- the service ------------------------------------------------------------------------------

    @cached_property
    def _http(self) -> Http:
        secret = key(KEY)
        return Http(base_url(), {"x-goog-api-key": secret}, secret)

    def _jobs(self) -> Iterator[Any]:
        """All entries of the list of the project's jobs, page by page."""
        query: dict[str, Any] = {"pageSize": 100}
        for _ in range(MOST_PAGES):
            answer = record(self._http.list(f"{API}/batches", params=query), "list")
            jobs = answer.get("operations") or []
            if not isinstance(jobs, list):
                raise Busy("the list of jobs is no list")
            yield from jobs
            if not (token := answer.get("nextPageToken")):
                return
            query = {"pageSize": 100, "pageToken": token}
        raise Busy(f"list: more than {MOST_PAGES} pages of jobs")

    def _job(self, ref: Mapping[str, Any]) -> dict:
        try:
            job = record(self._http.ask("status", "GET", f"{API}/{ref['id']}"), "status")
        except Missing as error:
            where = f"set the {KEY} (and {BASE_URL}) that started it"
            raise Rejected(f"{error}: no job {ref['id']} for this key at this address; {where}") from None
        if job.get("name") != ref["id"]:
            raise Busy(f"the status of job {ref['id']} came back as something else")
        return job

    def _download(self, name: str) -> Iterator[Download]:
        """The file as a stream; the connection is closed when the core is done with it."""
        size = self._size(name)
        try:
            with self._http.open("download", f"/download{API}/{name}:download?alt=media") as chunks:
                yield Download("output", size, chunks)
        except Missing:
            yield Download("output", size, None)

    def _size(self, name: str) -> int | None:
        """The service's own figure, which it does not give for every name of its own."""
        try:
            file = record(self._http.ask("file", "GET", f"{API}/{name}"), "file")
        except (Busy, Rejected):
            return None
        return gemini_contents.count(file.get("sizeBytes"))


def _model(shard: Shard) -> str:
    """The model of the shard's requests, which the path of a start must name."""
    with shard.path.open("rb") as stream:
        return orjson.loads(stream.readline())["request"]["model"]


@hookimpl
def batch_provider() -> Provider:
    return Gemini()
