"""Services that speak OpenAI's files and batches, each a row of services.yaml.

A job is found again by the file that it reads, and where jobs carry metadata by the hash of the shard. All that
comes back is read tolerantly: lists are bare or under `data` or `value`, counts may be null, an error file may be
absent, empty or gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import orjson

from pipeline.errors import Ambiguous, Busy, Rejected, clean
from pipeline.hookspecs import hookimpl
from pipeline.provider import Account, Download, Found, Limits, Provider, Shard, Status
from providers.openai_compatible import services
from providers.openai_compatible.create_body import filled_in
from providers.openai_compatible.files import download, uploaded
from providers.openai_compatible.job import (
    RUNNING,
    STATES,
    TAG,
    done_of,
    found,
    ref_of,
    state_of,
    told,
    unwrapped,
    why_of,
    word_of,
)
from providers.openai_compatible.job_list import goes_on, id_of, listed
from providers.openai_compatible.key_and_address import key_name, url
from providers.openai_compatible.request_fields import fields
from providers.openai_compatible.services import Service
from providers.wire import openai_chat
from providers.wire.check_answer import identifier, record
from providers.wire.http_client import AT_ONCE, Http, Missing
from providers.wire.key_and_address import account, key

MOST_PAGES = 1000  # of 100 jobs


class OpenAICompatible(Provider):
    """The contract for one row of the table."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.name, self.about, self.discount = service.name, service.about, service.discount
        self.default_model, self.lists_all = service.model, service.lists
        self.tag = "file id, hash" if service.metadata else "file id"

    @property
    def keys(self) -> tuple[str, ...]:
        """The variables without which nothing can be sent."""
        return tuple(filter(None, ("" if self.service.url else "BASE_URL", key_name(self.service))))

    @property
    def variables(self) -> tuple[str, ...]:
        """BASE_URL and KEY_ENV, where the row has none of its own."""
        own = (("BASE_URL", self.service.url), ("KEY_ENV", self.service.key))
        return tuple(name for name, said in own if not said)

    def limits(self, model: str) -> Limits:
        row = self.service
        names = ("max_requests", "max_bytes", "min_requests", "max_jobs", "max_enqueued_tokens")
        return Limits(**{name: getattr(row, name) for name in names})

    def encode(self, request: Mapping[str, Any]) -> bytes:
        row, body = self.service, fields(self.service, request["body"])
        rest = {"method": "POST", "url": row.endpoint} if row.method_url else {}
        return openai_chat.encode({"custom_id": request["custom_id"], **rest, "body": body})

    def decode(self, line: bytes):
        return openai_chat.decode(line)

    def preflight(self, model: str) -> None:
        self._http  # noqa: B018 (says what is missing)

    def account(self) -> Account:
        http = self._http
        return account(http.base, http.secret)

    def stage(self, shard: Shard) -> dict[str, Any]:
        return {"file_id": uploaded(self._http, self.service, shard)}

    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        told_of = (told(self.service, job, shard, handle) for job in self._jobs())
        return [found for found in told_of if found]

    def start(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        row = self.service
        words = {"file": handle["file_id"], "endpoint": row.endpoint, "window": row.window, "tag": shard.sha256}
        body = filled_in(row.create, {**words, "model": shard.model})
        if row.metadata:
            body["metadata"] = {TAG: shard.sha256}
        job = self._http.start(row.batches, json=body)
        try:
            return ref_of(unwrapped(job, "start"))
        except Busy as error:  # something was created, and its id is not known
            raise Ambiguous(str(error)) from None

    def poll(self, ref: Mapping[str, Any]) -> Status:
        job = self._job(ref)
        raw = word_of(job)
        known = raw.lower() in STATES or raw.lower() in RUNNING
        return Status(
            state_of(job),
            raw=clean(raw, 40),
            done=done_of(self.service, job),
            error=why_of(job),
            warning=None if known else f"unknown status {clean(raw, 40)!r}; taken as still running",
        )

    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        job = self._job(ref)
        for name, column in (("output", self.service.output), ("error", self.service.errors)):
            if file_id := job.get(column):
                yield from download(self._http, self.service, name, identifier(file_id, "download"))

    def jobs(self) -> Iterator[Found]:
        for job in self._jobs():
            with suppress(Busy):  # an entry that cannot be read names no job to take over
                yield found(record(job, "list"))

    def lines(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        files = self._job(ref).get(self.service.input)
        for file_id in files if isinstance(files, list) else [files] if files else []:
            yield from download(self._http, self.service, "input", identifier(file_id, "input"))

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
        name = key_name(self.service)
        secret = key(name) if name else ""
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return Http(self._url(bool(secret)), headers, secret, redirects=True)

    def _url(self, keyed: bool) -> str:
        return url(self.service, keyed)

    def _jobs(self) -> Iterator[Any]:
        """All entries of the list of jobs, page by page; a page that brings nothing new was the last."""
        seen: set[str] = set()
        query: dict[str, Any] = {}
        for page in range(MOST_PAGES):
            if self.service.pages == "page":
                query = {"page": page, "page_size": 100}
            elif self.service.pages:
                query = {**query, "limit": 100}
            answer = self._http.list(self.service.batches, params=query)
            entries = listed(answer)
            yield from (job for job in entries if id_of(job) not in seen)
            new = [name for job in entries if (name := id_of(job)) and name not in seen]
            if not new or not goes_on(answer, self.service.pages):
                return
            seen.update(new)
            query = {"after": new[-1]}
        raise Busy(f"list: more than {MOST_PAGES} pages of jobs")

    def _job(self, ref: Mapping[str, Any]) -> dict:
        try:
            job = unwrapped(self._http.ask("status", "GET", f"{self.service.batches}/{ref['id']}"), "status")
        except Missing as error:
            where = " and ".join(self.keys) or "address"
            raise Rejected(f"{error}: no job {ref['id']} there; set the {where} that started it") from None
        if job.get("id") != ref["id"]:
            raise Busy(f"the status of job {ref['id']} came back as something else")
        return job


@hookimpl
def batch_provider(name: str) -> Provider | None:
    row = services.find(name)
    return OpenAICompatible(row) if row else None


@hookimpl
def batch_provider_names() -> list[str]:
    return services.own_names()
