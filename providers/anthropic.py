"""Anthropic's Message Batches.

What this module knows about the wire: the requests travel inside the one call that starts the job, so there is no
upload; a job carries no tag, and its counts stay 0 until it has ended. A job whose start was not answered is
therefore told by its time and its number of requests, and confirmed by the ids in its results once it has ended.
For that the ids on the wire hold a hash of the request: equal ids are equal requests.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

import orjson

from pipeline.errors import Ambiguous, Busy, Rejected, Unencodable, clean
from pipeline.hookspecs import hookimpl
from pipeline.provider import Download, Found, Limits, Provider, Result, Shard, Status
from providers import chat
from providers.chat import as_dict, as_text
from providers.http import CHUNK, Http, Missing, address, identifier, key, record

KEY, BASE_URL = "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"
BATCHES = "/v1/messages/batches"
VERSION = "2026-10-21"  # as its SDK says, from 2.12 on, with the key as a bearer
HEAD, TAIL = b'{"requests":[', b"]}"
STEM = 51  # characters of an id on the wire, which has 64, before the hash of its request
MARGIN = timedelta(minutes=1)  # between the clocks of the service's own machines
MOST_PAGES = 1000  # of 100 jobs
# Of OpenAI's words: what has no counterpart here.
REFUSED = {
    "n", "seed", "logit_bias", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty", "stream",
    "stream_options", "functions", "function_call", "parallel_tool_calls", "modalities", "audio", "prediction",
    "verbosity", "store", "web_search_options", "prompt_cache_key", "safety_identifier",
}  # fmt: skip
FINISH = {
    "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "model_context_window_exceeded": "length",
    "tool_use": "tool_calls", "refusal": "content_filter",
}  # fmt: skip
UNRUN = {"expired": "expired", "canceled": "cancelled"}


class Anthropic(Provider):
    """100,000 requests, 256 MB; answers in any order."""

    name, about, keys = "anthropic", "Anthropic", (KEY,)
    discount, tag = "50 % less", ""

    def limits(self, model: str) -> Limits:
        return Limits(max_requests=100_000, max_bytes=256_000_000 - len(HEAD + TAIL))

    def encode(self, request: Mapping[str, Any]) -> bytes:
        name, params = request["custom_id"], orjson.dumps(dict(sorted(_params(request["body"]).items())))
        stem = name if len(name) <= STEM else f"{name[: STEM - 13]}-{_mark(name.encode())}"
        return b'{"custom_id":"' + f"{stem}-{_mark(params)}".encode() + b'","params":' + params + b"}"

    def custom_id(self, line: bytes) -> str:
        """Without the hash of the request: by it, a request is told whose prompt was changed."""
        return _stem(orjson.loads(line)["custom_id"])

    def decode(self, line: bytes) -> Result:
        row = chat.read(line)
        result = as_dict(row.get("result"))
        name = _stem(row["custom_id"]) if isinstance(row.get("custom_id"), str) else None
        if result.get("type") == "succeeded":
            return _answer(name, as_dict(result.get("message")))
        if result.get("type") in UNRUN:
            state = UNRUN[result["type"]]
            return Result(name, False, error={"message": f"the request {state}", "code": state}, outcome=state)
        error = as_dict(as_dict(result.get("error")).get("error"))
        message = error.get("message") or "no answer and no reason given"
        return Result(name, False, error={"message": str(message), "code": as_text(error.get("type"))})

    def preflight(self, model: str) -> None:
        self._http  # noqa: B018 (says what is missing)

    def stage(self, shard: Shard) -> dict[str, Any]:
        """Nothing to upload; by the service's own clock, its job will be younger than this."""
        answer = self._http.send("list", "GET", BATCHES, params={"limit": 1})
        now = datetime.now(timezone.utc) - timedelta(days=1)  # without the service's clock ours must do
        if date := answer.headers.get("date"):
            now = parsedate_to_datetime(date)
        return {"since": now.isoformat()}

    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        since = datetime.fromisoformat(handle["since"]) - MARGIN
        young = [job for job in self._jobs(since) if _time(job) >= since and _total(job) == shard.requests]
        return [found for job in young if (found := self._found(job, shard))]

    def start(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        length = len(HEAD) + shard.bytes - 1 + len(TAIL)
        headers = {"Content-Type": "application/json", "Content-Length": str(length)}
        job = self._http.start(BATCHES, content=_requests(shard), headers=headers)
        try:
            return _ref(job)
        except Busy as error:  # something was created, and its id is not known
            raise Ambiguous(str(error)) from None

    def poll(self, ref: Mapping[str, Any]) -> Status:
        job = self._job(ref)
        raw = str(job.get("processing_status") or "")
        known = raw in ("in_progress", "canceling", "ended")
        counts = as_dict(job.get("request_counts"))
        waiting = counts.get("processing")
        done = _total(job) - waiting if isinstance(waiting, int) and raw == "ended" else None
        return Status(
            "completed" if raw == "ended" else "running",
            raw=clean(raw, 40),
            done=done,
            warning=None if known else f"unknown status {clean(raw, 40)!r}; taken as still running",
        )

    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        job = self._job(ref)
        rows = _total(job) if job.get("request_counts") else None
        if not job.get("results_url") or rows == 0:
            return
        try:
            with self._http.open("download", f"{BATCHES}/{ref['id']}/results") as chunks:
                yield Download("output", None, chunks, lines=rows)
        except Missing:
            yield Download("output", None, None)

    def cancel(self, ref: Mapping[str, Any]) -> None:
        self._http.send("cancel", "POST", f"{BATCHES}/{ref['id']}/cancel")

    # -- the service ------------------------------------------------------------------------------

    @cached_property
    def _http(self) -> Http:
        secret, url = key(KEY), os.environ.get(BASE_URL, "").strip() or "https://api.anthropic.com"
        base = address(BASE_URL, url).removesuffix("/v1")
        return Http(base, {"Authorization": f"Bearer {secret}", "anthropic-version": VERSION}, secret)

    def _jobs(self, since: datetime) -> Iterator[dict]:
        """The jobs of the account, the newest first, page by page until a page is older than that."""
        query: dict[str, Any] = {"limit": 100}
        for _ in range(MOST_PAGES):
            answer = record(self._http.ask("list", "GET", BATCHES, params=query), "list")
            jobs = answer.get("data")
            if not isinstance(jobs, list) or not all(isinstance(job, dict) for job in jobs):
                raise Busy("the list of jobs is no list")
            yield from jobs
            if not answer.get("has_more") or not jobs or all(_time(job) < since for job in jobs):
                return
            query["after_id"] = jobs[-1].get("id")
        raise Busy(f"list: more than {MOST_PAGES} pages of jobs")

    def _found(self, job: dict, shard: Shard) -> Found | None:
        """The job if it may be this shard's: certainly, by its ids, once it has ended."""
        created = clean(job.get("created_at") or "", 40)
        if job.get("processing_status") != "ended":
            return Found(_ref(job), "running", created, exact=False)
        try:
            same = self._has_ids_of(_ref(job), shard)
        except Missing:  # archived: its answers are gone
            return Found(_ref(job), "completed", created, exact=False)
        return Found(_ref(job), "completed", created) if same else None

    def _has_ids_of(self, ref: Mapping[str, Any], shard: Shard) -> bool:
        with shard.path.open("rb") as stream:
            wanted = {orjson.loads(line)["custom_id"] for line in stream}
        rest = b""
        with self._http.open("download", f"{BATCHES}/{ref['id']}/results") as chunks:
            for chunk in chunks:
                *lines, rest = (rest + chunk).split(b"\n")
                if any(chat.read(line).get("custom_id") not in wanted for line in lines if line):
                    return False
        return True

    def _job(self, ref: Mapping[str, Any]) -> dict:
        try:
            job = record(self._http.ask("status", "GET", f"{BATCHES}/{ref['id']}"), "status")
        except Missing as error:
            raise Rejected(f"{error}: no job {ref['id']} for this key; set the {KEY} that started it") from None
        if job.get("id") != ref["id"]:
            raise Busy(f"the status of job {ref['id']} came back as something else")
        return job


def _mark(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _stem(name: str) -> str:
    return re.sub(r"-[0-9a-f]{12}\Z", "", name)


def _params(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of chat completions as that of Messages. Raises Unencodable for what has no counterpart, by name."""
    body = {name: value for name, value in body.items() if value is not None and (name, value) != ("n", 1)}
    if refused := sorted(REFUSED & set(body)):
        raise Unencodable(f"Messages has no {', '.join(refused)}")
    most = body.pop("max_completion_tokens", body.pop("max_tokens", None))
    if most is None:
        raise Unencodable("max_tokens is missing; Messages needs it")
    system, messages = _messages(body.pop("messages"))
    params = {"messages": messages, "max_tokens": most, **({"system": system} if system else {})}
    if (stop := body.pop("stop", None)) is not None:
        params["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if (user := body.pop("user", None)) is not None:
        params["metadata"] = {"user_id": user}
    if output := _output(body.pop("response_format", None), body.pop("reasoning_effort", None)):
        params["output_config"] = output
    _check(body)
    if twice := sorted(set(params) & set(body)):
        raise Unencodable(f"{', '.join(twice)} is given twice, under two names")
    return {**params, **body}


def _messages(messages: list[dict]) -> tuple[str, list[dict]]:
    """The system prompt and the messages of the two speakers."""
    system, rest = [], []
    for message in messages:
        role, content = message.get("role"), message.get("content")
        if role in ("system", "developer"):
            system.append(content)
        elif role in ("user", "assistant"):
            rest.append({"role": role, "content": content})
        else:
            raise Unencodable(f"a message has the role {role!r}")
        kinds = {part.get("type") for part in content} if isinstance(content, list) else set()
        if foreign := kinds & {"image_url", "input_audio", "file", "refusal"}:
            raise Unencodable(f"a message has {', '.join(sorted(foreign))}")
    if any(not isinstance(text, str) for text in system):
        raise Unencodable("a system message is not text")
    return "\n\n".join(system), rest


def _output(form: Any, effort: Any) -> dict[str, Any]:
    output = {}
    if isinstance(form, dict) and form.get("type") == "json_schema":
        output["format"] = {"type": "json_schema", "schema": form["json_schema"]["schema"]}
    elif form is not None and form != {"type": "text"}:
        raise Unencodable("response_format may be a json_schema only")
    if effort is not None:
        if effort not in ("low", "medium", "high", "xhigh", "max"):
            raise Unencodable(f"reasoning_effort may not be {effort!r}")
        output["effort"] = effort
    return output


def _check(body: Mapping[str, Any]) -> None:
    """What has the same name in both, and another meaning."""
    if body.get("temperature", 0) > 1:
        raise Unencodable("temperature is at most 1")
    if any(isinstance(tool, dict) and "function" in tool for tool in body.get("tools") or ()):
        raise Unencodable("tools must be in the form of Messages")
    if isinstance(body.get("tool_choice"), str):
        raise Unencodable("tool_choice must be in the form of Messages")


def _answer(name: str | None, message: dict) -> Result:
    blocks = message.get("content") if isinstance(message.get("content"), list) else []
    texts = [str(block.get("text") or "") for block in map(as_dict, blocks) if block.get("type") == "text"]
    text, reason = "".join(texts), message.get("stop_reason")
    ok = bool(text.strip()) and reason != "refusal"
    refused = {"message": text.strip() or "the answer was refused", "code": "refusal"}
    empty = {"message": "the answer has no text", "code": "no_content"}
    return Result(
        name,
        ok,
        text=text if ok else None,
        error=None if ok else refused if reason == "refusal" else empty,
        finish_reason=FINISH.get(reason, as_text(reason)) if isinstance(reason, str) else None,
        model=as_text(message.get("model")),
        usage=_usage(as_dict(message.get("usage"))),
    )


def _usage(usage: dict) -> dict[str, Any] | None:
    """In OpenAI's words; what was written to a cache or read from one is part of the prompt."""
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    fresh, written, read, output = (usage[n] if isinstance(usage.get(n), int) else 0 for n in names)
    if not usage:
        return None
    prompt = fresh + written + read
    counts = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
    return {**counts, "prompt_tokens_details": {"cached_tokens": read}} if read else counts


def _requests(shard: Shard) -> Iterator[bytes]:
    """The body of the call that starts the job, read from the shard as it is sent."""
    yield HEAD
    left = shard.bytes
    with shard.path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            left -= len(chunk)
            yield (chunk if left else chunk[:-1]).replace(b"\n", b",")
    yield TAIL


def _total(job: dict) -> int:
    """All requests of a job; the counts of a job that runs stand under `processing`."""
    return sum(count for count in as_dict(job.get("request_counts")).values() if isinstance(count, int))


def _time(job: dict) -> datetime:
    try:
        return datetime.fromisoformat(str(job.get("created_at")).replace("Z", "+00:00"))
    except ValueError:
        raise Busy("list: a job has no time") from None


def _ref(job: Any) -> dict[str, Any]:
    job = record(job, "start")
    return {"id": identifier(job.get("id"), "start"), "created": clean(job.get("created_at") or "", 40)}


@hookimpl
def batch_provider() -> Provider:
    return Anthropic()
