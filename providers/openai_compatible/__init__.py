"""Services that speak OpenAI's files and batches, each a row of services.yaml.

A job is found again by the file that it reads, and where jobs carry metadata by the hash of the shard. All that
comes back is read tolerantly: lists are bare or under `data` or `value`, counts may be null, an error file may be
absent, empty or gone.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property, reduce
from typing import Any

import orjson

from pipeline.errors import Ambiguous, Busy, Rejected, Unencodable, clean
from pipeline.hookspecs import hookimpl
from pipeline.provider import Download, Found, Limits, Provider, Shard, Status
from providers.openai_compatible import services
from providers.openai_compatible.services import Service
from providers.wire import openai_chat
from providers.wire.http_client import AT_ONCE, Http, Missing, address, identifier, key, record

TAG = "transcript_batch"  # of a job's metadata
LONG_PREFIX = 3000  # bytes; what has less than about 1,000 tokens is not kept by any service
MOST_PAGES = 1000  # of 100 jobs
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
STATES = {
    "completed": "completed", "success": "completed", "succeeded": "completed", "done": "completed",
    "failed": "failed", "failure": "failed", "error": "failed",
    "expired": "expired", "timeout_exceeded": "expired",
    "cancelled": "cancelled", "canceled": "cancelled",
}  # fmt: skip
RUNNING = {
    "validating", "in_progress", "finalizing", "cancelling", "canceling", "cancellation_requested",
    "queued", "scheduling", "pending", "created", "running", "progress",
}  # fmt: skip


class OpenAICompatible(Provider):
    """The contract for one row of the table."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.name, self.about, self.discount = service.name, service.about, service.discount
        self.default_model = service.model
        self.tag = "file id, hash" if service.metadata else "file id"

    @property
    def keys(self) -> tuple[str, ...]:
        """The variables without which nothing can be sent."""
        return tuple(filter(None, ("" if self.service.url else "BASE_URL", self._key_name())))

    def limits(self, model: str) -> Limits:
        row = self.service
        names = ("max_requests", "max_bytes", "min_requests", "max_jobs", "max_enqueued_tokens")
        return Limits(**{name: getattr(row, name) for name in names})

    def encode(self, request: Mapping[str, Any]) -> bytes:
        row, body = self.service, request["body"]
        if refused := sorted(set(row.refuse) & set(body)):
            raise Unencodable(f"it does not take {', '.join(refused)}")
        renamed = {row.rename.get(name, name): value for name, value in body.items()}
        if len(renamed) < len(body):
            twice = sorted(set(row.rename) & set(body))
            raise Unencodable(f"{', '.join(twice)} is the same as {', '.join(row.rename[name] for name in twice)}")
        if row.cache_key and (prefix := _prefix(body)):
            renamed.setdefault(row.cache_key, prefix)
        rest = {"method": "POST", "url": row.endpoint} if row.method_url else {}
        return openai_chat.encode({"custom_id": request["custom_id"], **rest, "body": renamed})

    def decode(self, line: bytes):
        return openai_chat.decode(line)

    def preflight(self, model: str) -> None:
        self._http  # noqa: B018 (says what is missing)

    def stage(self, shard: Shard) -> dict[str, Any]:
        with shard.path.open("rb") as stream:
            upload = {"file": (f"{shard.key}.jsonl", stream, "application/jsonl")}
            form = {"purpose": self.service.purpose}
            answer = self._http.ask("upload", "POST", self.service.files, data=form, files=upload)
        file = record(answer, "upload")
        stored = file.get("bytes", file.get("size_bytes"))
        if isinstance(stored, int) and stored and stored != shard.bytes:
            raise Busy(f"the upload stored {stored:,} of {shard.bytes:,} bytes")
        return {"file_id": identifier(file.get("id"), "upload")}

    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        mine = [job for job in self._jobs() if self._is_of(job, shard, handle)]
        return [Found(_ref(job, shard), _state(job), _created(job)) for job in mine]

    def start(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        row = self.service
        words = {"file": handle["file_id"], "endpoint": row.endpoint, "window": row.window, "tag": shard.sha256}
        body = _filled(row.create, {**words, "model": shard.model})
        if row.metadata:
            body["metadata"] = {TAG: shard.sha256}
        job = self._http.start(row.batches, json=body)
        try:
            return _ref(_job(job, "start"), shard)
        except Busy as error:  # something was created, and its id is not known
            raise Ambiguous(str(error)) from None

    def poll(self, ref: Mapping[str, Any]) -> Status:
        job = self._job(ref)
        raw = _word(job)
        known = raw.lower() in STATES or raw.lower() in RUNNING
        return Status(
            _state(job),
            raw=clean(raw, 40),
            done=self._done(job),
            error=_why(job),
            warning=None if known else f"unknown status {clean(raw, 40)!r}; taken as still running",
        )

    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        job = self._job(ref)
        for name, column in (("output", self.service.output), ("error", self.service.errors)):
            if file_id := job.get(column):
                yield from self._download(name, identifier(file_id, "download"))

    def cancel(self, ref: Mapping[str, Any]) -> None:
        method, path = self.service.cancel.format(batches=self.service.batches, id=ref["id"]).split(" ")
        self._http.send("cancel", method, path)

    def ask(self, line: bytes, model: str) -> bytes:
        request = orjson.loads(line)
        answer = self._http.start(self.service.ask, "ask", json=request["body"], timeout=AT_ONCE)
        return openai_chat.row(request["custom_id"], answer)

    # -- the service ------------------------------------------------------------------------------

    @cached_property
    def _http(self) -> Http:
        name = self._key_name()
        secret = key(name) if name else ""
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return Http(self._url(bool(secret)), headers, secret, redirects=True)

    def _url(self, keyed: bool) -> str:
        """The row's own address unless a variable has another: BASE_URL is for rows that have none."""
        variable = f"{re.sub('[^A-Z0-9]', '_', self.name.upper())}_BASE_URL"
        names = [variable] if self.service.url else [variable, "BASE_URL"]
        set_to = [(name, os.environ[name]) for name in names if os.environ.get(name, "").strip()]
        if not set_to and not self.service.url:
            raise Rejected(f"no address: set BASE_URL, as in BASE_URL=https://host/v1 (PROVIDER={self.name})")
        return address(*(set_to[0] if set_to else (variable, self.service.url)), keyed)

    def _key_name(self) -> str:
        """The variable that holds the key; "" if none is sent."""
        name = self.service.key or os.environ.get("KEY_ENV", "").strip()
        if name and not VARIABLE.fullmatch(name):  # not shown: it may be the key itself
            raise Rejected("KEY_ENV must be the NAME of the variable that holds the key, like MY_API_KEY")
        return name

    def _jobs(self) -> Iterator[dict]:
        """All jobs of the account, page by page; a page that brings nothing new was the last."""
        seen: set[str] = set()
        query: dict[str, Any] = {}
        for page in range(MOST_PAGES):
            if self.service.pages == "page":
                query = {"page": page, "page_size": 100}
            elif self.service.pages:
                query = {**query, "limit": 100}
            answer = self._http.ask("list", "GET", self.service.batches, params=query)
            new = [job for job in _listed(answer) if job.get("id") not in seen]
            yield from new
            seen.update(str(job.get("id")) for job in new)
            if not new or not _goes_on(answer, self.service.pages):
                return
            query = {"after": new[-1].get("id")}
        raise Busy(f"list: more than {MOST_PAGES} pages of jobs")

    def _is_of(self, job: dict, shard: Shard, handle: Mapping[str, Any]) -> bool:
        files, metadata = job.get(self.service.input), job.get("metadata")
        tag = metadata.get(TAG) if isinstance(metadata, dict) else None
        return handle["file_id"] in (files if isinstance(files, list) else [files]) or tag == shard.sha256

    def _job(self, ref: Mapping[str, Any]) -> dict:
        try:
            job = _job(self._http.ask("status", "GET", f"{self.service.batches}/{ref['id']}"), "status")
        except Missing as error:
            where = " and ".join(self.keys) or "address"
            raise Rejected(f"{error}: no job {ref['id']} there; set the {where} that started it") from None
        if job.get("id") != ref["id"]:
            raise Busy(f"the status of job {ref['id']} came back as something else")
        return job

    def _download(self, name: str, file_id: str) -> Iterator[Download]:
        """One file as a stream; the connection is closed when the core is done with it."""
        path = f"{self.service.files}/{file_id}"
        size = self._size(path)
        try:
            with self._http.open("download", f"{path}/content") as chunks:
                yield Download(name, size, chunks)
        except Missing:
            yield Download(name, size, None)

    def _size(self, path: str) -> int | None:
        """The service's own figure; a service that does not tell is no reason to fail."""
        try:
            file = record(self._http.ask("file", "GET", path), "file")
        except (Busy, Rejected):
            return None
        size = file.get("bytes", file.get("size_bytes"))
        return size if isinstance(size, int) and size >= 0 else None

    def _done(self, job: dict) -> int | None:
        counts = [reduce(_get, path.split("."), job) for path in self.service.done]
        known = [count for count in counts if isinstance(count, int)]
        return sum(known) if known else None


def _prefix(body: Mapping[str, Any]) -> str:
    """A name for the messages before the last one, which all requests of a prompt share; "" if those are short."""
    constant = orjson.dumps((body.get("messages") or [])[:-1])
    return hashlib.sha256(constant).hexdigest()[:32] if len(constant) >= LONG_PREFIX else ""


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _filled(value: Any, words: Mapping[str, Any]) -> Any:
    """The template of a body with its {words} put in; a field whose word is None is left out."""
    if isinstance(value, dict):
        filled = {name: _filled(item, words) for name, item in value.items()}
        return {name: item for name, item in filled.items() if item is not None}
    if isinstance(value, list):
        return [_filled(item, words) for item in value]
    if isinstance(value, str) and value[:1] + value[-1:] == "{}":
        return words.get(value[1:-1])
    return value


def _job(value: Any, what: str) -> dict:
    """A job, taken out of a wrapper around it if there is one."""
    wrapped = value.get("job") if isinstance(value, dict) else None
    return record(wrapped if isinstance(wrapped, dict) else value, what)


def _listed(answer: Any) -> list[dict]:
    """The jobs of a list, which is bare or an object; null is an empty one."""
    rows = answer
    if isinstance(answer, dict):
        rows = next((answer[name] for name in ("data", "value") if name in answer), "none")
    if not isinstance(rows, list | None) or not all(isinstance(job, dict) for job in rows or ()):
        raise Busy("the list of jobs is no list")
    return rows or []


def _goes_on(answer: Any, pages: str | None) -> bool:
    return bool(pages) and isinstance(answer, dict) and (pages == "page" or bool(answer.get("has_more")))


def _ref(job: dict, shard: Shard) -> dict[str, Any]:
    return {"id": identifier(job.get("id"), "start"), "created": _created(job)}


def _word(job: dict) -> str:
    return str(job.get("status") or "")


def _state(job: dict) -> str:
    return STATES.get(_word(job).lower(), "running")


def _created(job: dict) -> str:
    return clean(job.get("created_at") or "", 40)


def _why(job: dict) -> str | None:
    """Why the whole job failed: a list of errors, under `data` or bare, or one."""
    errors = job.get("errors") or job.get("error")
    errors = errors.get("data", errors) if isinstance(errors, dict) else errors
    rows = errors if isinstance(errors, list) else [errors] if errors else []
    texts = [str(row.get("message") or row) if isinstance(row, dict) else str(row) for row in rows[:3]]
    return clean("; ".join(texts)) or None


@hookimpl
def batch_provider(name: str) -> Provider | None:
    row = services.find(name)
    return OpenAICompatible(row) if row else None


@hookimpl
def batch_provider_names() -> list[str]:
    return services.own_names()
