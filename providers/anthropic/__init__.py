"""Anthropic's Message Batches.

What this module knows about the wire: the requests travel inside the one call that starts the job, so there is no
upload; a job carries no tag, and its counts stay 0 until it has ended. A job whose start was not answered is
therefore told by its time and its number of requests, and confirmed by the ids in its results once it has ended.
For that the ids on the wire hold a hash of the request: equal ids are equal requests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

import orjson

from pipeline.errors import Ambiguous, Busy, Rejected, Unlisted, clean
from pipeline.hookspecs import hookimpl
from pipeline.provider import Account, Download, Found, Limits, Provider, Result, Shard, Status
from providers.anthropic import start_body
from providers.anthropic.job import BATCHES, ref_of, time_of, total_of
from providers.anthropic.tell_jobs_apart import told
from providers.wire import anthropic_messages
from providers.wire.check_answer import record
from providers.wire.http_client import AT_ONCE, Http, Missing
from providers.wire.key_and_address import account, address, key
from providers.wire.lenient_json import as_dict

KEY, BASE_URL = "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"
VERSION = "2026-10-21"  # as its SDK says, from 2.12 on, with the key as a bearer
MARGIN = timedelta(minutes=1)  # between the clocks of the service's own machines
MOST_PAGES = 1000  # of 100 jobs


class Anthropic(Provider):
    """100,000 requests, 256 MB; answers in any order."""

    name, about, keys = "anthropic", "Anthropic", (KEY,)
    discount, tag, bills_failed = "50 % less", "", False
    cache = (1.25, 0.1)  # of five minutes, as published; the batch's discount comes on top

    def limits(self, model: str) -> Limits:
        return Limits(max_requests=100_000, max_bytes=256_000_000 - len(start_body.HEAD + start_body.TAIL))

    def encode(self, request: Mapping[str, Any]) -> bytes:
        return anthropic_messages.encode(request)

    def custom_id(self, line: bytes) -> str:
        return anthropic_messages.custom_id(super().custom_id(line))

    def decode(self, line: bytes) -> Result:
        return anthropic_messages.decode(line)

    def preflight(self, model: str) -> None:
        self._http  # noqa: B018 (says what is missing)

    def account(self) -> Account:
        http = self._http
        return account(http.base, http.secret)

    def stage(self, shard: Shard) -> dict[str, Any]:
        """Nothing to upload; by the service's own clock, its job will be younger than this."""
        now = datetime.now(timezone.utc) - timedelta(days=1)  # without the service's clock ours must do
        with suppress(Unlisted):
            if date := self._http.listing(BATCHES, params={"limit": 1}).headers.get("date"):
                now = parsedate_to_datetime(date)
        return {"since": now.isoformat()}

    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        since = datetime.fromisoformat(handle["since"]) - MARGIN
        return [found for job in self._jobs(since) if (found := told(self._http, job, shard, since))]

    def start(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Content-Length": str(start_body.length(shard))}
        job = self._http.start(BATCHES, content=start_body.requests(shard), headers=headers)
        try:
            return ref_of(job)
        except Busy as error:  # something was created, and its id is not known
            raise Ambiguous(str(error)) from None

    def poll(self, ref: Mapping[str, Any]) -> Status:
        job = self._job(ref)
        raw = str(job.get("processing_status") or "")
        known = raw in ("in_progress", "canceling", "ended")
        counts = as_dict(job.get("request_counts"))
        waiting = counts.get("processing")
        done = total_of(job) - waiting if isinstance(waiting, int) and raw == "ended" else None
        return Status(
            "completed" if raw == "ended" else "running",
            raw=clean(raw, 40),
            done=done,
            warning=None if known else f"unknown status {clean(raw, 40)!r}; taken as still running",
        )

    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        job = self._job(ref)
        rows = total_of(job) if job.get("request_counts") else None
        if not job.get("results_url") or rows == 0:
            return
        try:
            with self._http.open("download", f"{BATCHES}/{ref['id']}/results") as chunks:
                yield Download("output", None, chunks, lines=rows)
        except Missing:
            yield Download("output", None, None)

    def cancel(self, ref: Mapping[str, Any]) -> None:
        self._http.send("cancel", "POST", f"{BATCHES}/{ref['id']}/cancel")

    def ask(self, line: bytes, model: str) -> bytes:
        request = orjson.loads(line)
        message = self._http.start("/v1/messages", "ask", json=request["params"], timeout=AT_ONCE)
        result = {"type": "succeeded", "message": message}
        return orjson.dumps({"custom_id": request["custom_id"], "result": result})

    # -- the service ------------------------------------------------------------------------------

    @cached_property
    def _http(self) -> Http:
        secret, url = key(KEY), os.environ.get(BASE_URL, "").strip() or "https://api.anthropic.com"
        base = address(BASE_URL, url).removesuffix("/v1")
        return Http(base, {"Authorization": f"Bearer {secret}", "anthropic-version": VERSION}, secret)

    def _jobs(self, since: datetime) -> Iterator[Any]:
        """The entries of the list of jobs, the newest first, page by page until a page is older than that."""
        query: dict[str, Any] = {"limit": 100}
        for _ in range(MOST_PAGES):
            answer = self._http.list(BATCHES, params=query)
            if answer in (None, {"data": None}):
                raise Unlisted("the list of jobs is null")
            jobs = record(answer, "list").get("data")
            if not isinstance(jobs, list):
                raise Busy("the list of jobs is no list")
            yield from jobs
            readable = [job for job in jobs if isinstance(job, dict) and job.get("id")]
            times = [time_of(job) for job in readable]
            if not answer.get("has_more") or not readable or all(time and time < since for time in times):
                return
            query["after_id"] = readable[-1]["id"]
        raise Busy(f"list: more than {MOST_PAGES} pages of jobs")

    def _job(self, ref: Mapping[str, Any]) -> dict:
        try:
            job = record(self._http.ask("status", "GET", f"{BATCHES}/{ref['id']}"), "status")
        except Missing as error:
            raise Rejected(f"{error}: no job {ref['id']} for this key; set the {KEY} that started it") from None
        if job.get("id") != ref["id"]:
            raise Busy(f"the status of job {ref['id']} came back as something else")
        return job


@hookimpl
def batch_provider() -> Provider:
    return Anthropic()
