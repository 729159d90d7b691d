"""A service on loopback that speaks the batch of the Gemini API in its file mode.

As google-genai 3.6 and the documentation have it: paths, headers of an upload, Operations, numbers as strings, the
redirect of a download. Invented: the answers, and that jobs advance by being asked and not by time.
"""

from __future__ import annotations

import json
import random
from typing import Any

from pipeline.testkit.wire import Answer, Call, WireServer

WORDS = {"running": "RUNNING", "completed": "SUCCEEDED"}
LINE = {"key", "request"}
REQUEST = {
    "model", "contents", "systemInstruction", "generationConfig", "safetySettings", "tools", "toolConfig",
    "cachedContent", "serviceTier", "store", "labels",
}  # fmt: skip
CONFIG = {
    "maxOutputTokens", "temperature", "topP", "topK", "stopSequences", "seed", "presencePenalty",
    "frequencyPenalty", "responseMimeType", "responseJsonSchema", "thinkingConfig", "candidateCount",
    "responseModalities",
}  # fmt: skip


class GeminiServer(WireServer):
    """Each job is a dict with what the wire tells of it under "job"."""

    at_once = True

    page = 2  # jobs of a page of the list, whatever is asked

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, dict[str, Any]] = {}
        self.uploads: list[dict[str, Any]] = []  # begun
        self.family = "BATCH_STATE_"
        self.partial_word: str | None = None  # of a job that completed with rows that failed
        self.place = "response"  # or "metadata": where the file of an ended job is named
        self.sizes = True  # whether files tell theirs
        self.host: str | None = None  # of the address that a begun upload is given
        self.routes = (
            ("POST", "/upload/v1beta/files", "stage", "upload"),
            ("GET", "/v1beta/(files/[^/:]+)", "fetch_size", "file"),
            ("GET", "/v1beta/(files/[^/:]+):download", "fetch_redirect", "redirect"),
            ("GET", "/download/v1beta/(files/[^/:]+):download", "fetch", "content"),
            ("POST", "/v1beta/(models/[^/:]+):generateContent", "ask", "generate"),
            ("POST", "/v1beta/(models/[^/:]+):batchGenerateContent", "start", "create"),
            ("GET", "/v1beta/batches", "find", "list"),
            ("GET", "/v1beta/(batches/[^/:]+)", "poll", "retrieve"),
            ("POST", "/v1beta/(batches/[^/:]+):cancel", "cancel", "stop"),
        )

    def bad_key(self, call: Call) -> Answer | None:
        if call.headers.get("x-goog-api-key") == self.secret and "key" not in call.query:
            return None
        return _refused(400, f"API key not valid: {call.headers.get('x-goog-api-key')}")

    # -- files ------------------------------------------------------------------------------------

    def upload(self, call: Call) -> Answer:
        command = call.headers.get("X-Goog-Upload-Command", "")
        return self._begin(call) if command == "start" else self._bytes(call, command)

    def _begin(self, call: Call) -> Answer:
        if refused := self.bad_key(call):
            return refused
        if call.headers.get("X-Goog-Upload-Protocol") != "resumable":
            return _refused(400, "no resumable upload")
        size = int(call.headers["X-Goog-Upload-Header-Content-Length"])
        mime = call.headers["X-Goog-Upload-Header-Content-Type"]
        self.uploads.append({"size": size, "mime": mime, "about": call.json["file"], "data": b""})
        where = (
            f"{self.host or self.url}/upload/v1beta/files?upload_id={len(self.uploads)}&upload_protocol=resumable"
        )
        return Answer(200, {}, {"X-Goog-Upload-URL": where, "X-Goog-Upload-Status": "active"})

    def _bytes(self, call: Call, command: str) -> Answer:
        begun = self.uploads[int(call.query["upload_id"]) - 1]
        if int(call.headers["X-Goog-Upload-Offset"]) != len(begun["data"]):
            return _refused(400, "the offset is another")
        begun["data"] += call.body
        if "finalize" not in command:
            return Answer(200, {}, {"X-Goog-Upload-Status": "active"})
        if len(begun["data"]) != begun["size"]:
            return _refused(400, "the size is another")
        label = begun["about"].get("displayName") or begun["about"].get("display_name")
        file = self._store(begun["data"], begun["mime"], label)
        return Answer(200, {"file": self._about(file)}, {"X-Goog-Upload-Status": "final"})

    def file(self, call: Call) -> Answer:
        found = self.files.get(call.match[1])
        if refused := self.bad_key(call):
            return refused
        return Answer(200, self._about(found)) if found else _refused(404, "no such file")

    def redirect(self, call: Call) -> Answer:
        where = f"{self.url}/download/v1beta/{call.match[1]}:download?alt=media"
        return self.bad_key(call) or Answer(302, {}, {"Location": where})

    def content(self, call: Call) -> Answer:
        found = self.files.get(call.match[1])
        if refused := self.bad_key(call):
            return refused
        return Answer(200, found["data"]) if found and call.query == {"alt": "media"} else _refused(404, "no file")

    def _store(self, data: bytes, mime: str, label: str | None = None) -> dict[str, Any]:
        name = f"files/f{len(self.files) + 1:04d}"
        self.files[name] = {"name": name, "data": data, "mime": mime, "label": label}
        return self.files[name]

    def _about(self, file: dict[str, Any]) -> dict[str, Any]:
        size = {"sizeBytes": str(len(file["data"]))} if self.sizes else {}
        return {"name": file["name"], "mimeType": file["mime"], "state": "ACTIVE", **size}

    # -- jobs -------------------------------------------------------------------------------------

    def generate(self, call: Call) -> Answer:
        """One answer at once; the model stands in the path alone."""
        if bad := self.bad_key(call):
            return bad
        line = {"key": "it", "request": {**call.json, "model": call.match[1]}}
        if "model" in call.json or (odd := _odd(line, call.match[1])):
            return _refused(400, "model" if "model" in call.json else odd)
        return Answer(200, self._row(line, call.match[1])["response"])

    def create(self, call: Call) -> Answer:
        batch, model = call.json["batch"], call.match[1]
        file = self.files.get(batch["inputConfig"]["fileName"])
        if refused := self.bad_key(call):
            return refused
        if file is None:
            return _refused(400, "no such file")
        lines = [json.loads(line) for line in file["data"].split(b"\n") if line]
        if why := next(filter(None, (_odd(line, model) for line in lines)), None):
            return _refused(400, why)
        return Answer(200, self._shown(self._job(batch, model, lines)))

    def _job(self, batch: dict[str, Any], model: str, lines: list[dict]) -> dict[str, Any]:
        number = len(self.jobs) + 1
        about = {
            "displayName": batch["displayName"],
            "createTime": f"2026-11-23T10:00:{number:02d}Z",
            "model": model,
        }
        job = {"name": f"batches/b{number:04d}", "about": about, "lines": lines, "polls": 0, "state": "running"}
        self.jobs.append({**job, "done": (0, 0), "file": None, "names": [line["key"] for line in lines]})
        return self.jobs[-1]

    def list(self, call: Call) -> Answer:
        """Newest first; an empty list is an empty object."""
        first = int(call.query.get("pageToken") or 0)
        page = self.jobs[::-1][first : first + self.page]
        more = {"nextPageToken": str(first + self.page)} if first + self.page < len(self.jobs) else {}
        listed = {"operations": [self._shown(job) for job in page]} if page else {}
        return self.bad_key(call) or Answer(200, {**listed, **more})

    def retrieve(self, call: Call) -> Answer:
        job = self._of(call)
        if refused := self.bad_key(call):
            return refused
        if job is None:
            return _refused(404, "no such batch")
        job["polls"] += 1
        if job["state"] == "running" and job["polls"] > self.polls_needed:
            self._end(job, self.ending)
        return Answer(200, self._shown(job))

    def stop(self, call: Call) -> Answer:
        job = self._of(call)
        if call.body:
            return _refused(400, "the body is not empty")
        if job["state"] == "running":
            self._end(job, "cancelled")
        return self.bad_key(call) or Answer(200, {})

    def _of(self, call: Call) -> dict[str, Any] | None:
        return next((job for job in self.jobs if job["name"] == call.match[1]), None)

    def _end(self, job: dict[str, Any], ending: str) -> None:
        job["state"], job["ended_at"] = ending, job["polls"]
        done = job["lines"] if self.answered is None else job["lines"][: self.answered]
        rows = [self._row(line, job["about"]["model"]) for line in done]
        random.Random(1).shuffle(rows)
        bad = sum("error" in row for row in rows)
        job["done"] = (len(rows) - bad, bad)
        data = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
        job["file"] = self._store(data, "application/jsonl")["name"] if rows else None

    def _row(self, line: dict[str, Any], model: str) -> dict[str, Any]:
        name = line["key"]
        if name in self.errors:
            return {"key": name, "error": {"code": 3, "message": self.errors[name]}}
        thought = {"text": "let me think", "thought": True}
        parts = [thought, *({"text": half} for half in _halves(self.text.format(name)))]
        candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        usage = {"promptTokenCount": 12, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": 17}
        version = model.removeprefix("models/")
        return {
            "key": name,
            "response": {"candidates": [candidate], "usageMetadata": usage, "modelVersion": version},
        }

    def _shown(self, job: dict[str, Any]) -> dict[str, Any]:
        """The Operation as the wire has it."""
        good, bad = job["done"]
        state = WORDS.get(job["state"], job["state"].upper())
        if self.partial_word and bad:
            state = self.partial_word
        ended = job["state"] != "running"
        ready = job["file"] if ended and job["polls"] >= job["ended_at"] + self.late_files else None
        about = {**job["about"], "name": job["name"], "state": self.word or self.family + state}
        if not self.no_counts:
            counts = {"requestCount": len(job["lines"]), "successfulRequestCount": good, "failedRequestCount": bad}
            about["batchStats"] = {name: str(value) for name, value in counts.items() if value}
        if ready and self.place == "metadata":
            about["output"] = {"responsesFile": ready}
        shown = {"name": job["name"], "metadata": about, **({"done": True} if ended else {})}
        if ready and self.place == "response":
            shown["response"] = {"responsesFile": ready}
        codes = {"failed": (13, "it broke"), "cancelled": (1, "the operation was cancelled")}
        if job["state"] in codes:
            code, message = codes[job["state"]]
            shown["error"] = {"code": code, "message": message}
        return shown


def _odd(line: dict[str, Any], model: str) -> str | None:
    """What is wrong with a line of the input file."""
    request = line.get("request", {})
    if line.keys() != LINE or not isinstance(line["key"], str):
        return "a line has other fields than key and request"
    if odd := (set(request) - REQUEST) | (set(request.get("generationConfig", {})) - CONFIG):
        return f'Unknown name "{sorted(odd)[0]}"'
    if request.get("model") != model:
        return "a request names another model"
    good = all(item["role"] in ("user", "model") and item["parts"] for item in request["contents"])
    return None if good and request["contents"] else "bad contents"


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def _refused(status: int, message: str) -> Answer:
    return Answer(status, {"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}})
