"""Bedrock's batch jobs and the S3 below them on loopback, for the real boto3 to talk to.

As botocore's service model has it: the paths, fields and words. As documented: the same token is the same job,
the answers in a folder of the job with a manifest beside them, the lines. Invented: the texts, the least of
requests at the start, and that jobs advance by being asked and not by time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from pipeline.testkit.wire import Answer, Call, WireServer
from providers.wire import bedrock_converse as converse

ARN = "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/"
ROLE = "arn:aws:iam::123456789012:role/batch"
JOB = "/model-invocation-job/([^/]+)"
TIME = "2026-01-02T03:04:{:02d}Z"


def account(folder: Path) -> dict[str, str]:
    """The variables of an account that is nobody's."""
    return {
        "BEDROCK_BUCKET": "s3://our-bucket/some/prefix",
        "BEDROCK_ROLE_ARN": ROLE,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIA0000000000000000",
        "AWS_SECRET_ACCESS_KEY": BedrockServer.secret,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
    }


class BedrockServer(WireServer):
    at_once = True
    least = 100

    routes = (
        ("POST", "/model/([^/]+)/converse", "ask", "converse"),
        ("POST", "/model-invocation-job", "start", "create"),
        ("GET", "/model-invocation-jobs", "find", "list_jobs"),
        ("GET", JOB, "poll", "get"),
        ("POST", f"{JOB}/stop", "cancel", "stop"),
        ("PUT", "/([a-z0-9.-]+)/(.+)", "stage", "put"),
        ("POST", "/([a-z0-9.-]+)/(.+)", "parts", "begin_or_join"),
        ("GET", "/([a-z0-9.-]+)/?", "fetch", "list_objects"),
        ("GET", "/([a-z0-9.-]+)/(.+)", "fetch", "get_object"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.ending = "Completed"
        self.message: str | None = None  # of a job that failed
        self.objects: dict[str, bytes] = {}  # bucket/key
        self.page = 2  # jobs to a page of the list

    def environment(self, folder: Path) -> dict[str, str]:
        """The variables of an account that is nobody's, with this service as its endpoints."""
        endpoints = {"AWS_ENDPOINT_URL_BEDROCK": self.url, "AWS_ENDPOINT_URL_S3": self.url}
        endpoints["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = self.url
        return {**account(folder), **endpoints, "AWS_MAX_ATTEMPTS": "1"}  # nothing here may sleep

    # -- jobs --------------------------------------------------------------------------------------

    def create(self, call: Call) -> Answer:
        asked = call.json
        for job in self.jobs:
            if job["asked"]["clientRequestToken"] == asked["clientRequestToken"]:
                return Answer(200, {"jobArn": job["about"]["jobArn"]})
        place = asked["inputDataConfig"]["s3InputDataConfig"]["s3Uri"].removeprefix("s3://")
        rows = [json.loads(line) for line in self.objects[place].splitlines()]
        if len(rows) < self.least:
            return refusal(400, "ValidationException", "the number of records is less than 100")
        arn = f"{ARN}{len(self.jobs):012d}"
        about = {**asked, "jobArn": arn, "submitTime": TIME.format(len(self.jobs)), "status": "Submitted"}
        names = [converse.custom_id(row["recordId"]) for row in rows]
        self.jobs.append({"asked": asked, "about": about, "rows": rows, "names": names, "polls": 0})
        return Answer(200, {"jobArn": arn})

    def converse(self, call: Call) -> Answer:
        """One answer at once."""
        if "messages" not in call.json:
            return refusal(400, "ValidationException", "no messages")
        return Answer(200, json.loads(self._row({"recordId": "itZ300000000"}))["modelOutput"])

    def list_jobs(self, call: Call) -> Answer:
        part, first = call.query.get("nameContains", ""), int(call.query.get("nextToken", 0))
        jobs = [job["about"] for job in self.jobs if part in job["about"]["jobName"]]
        more = {"nextToken": str(first + self.page)} if len(jobs) > first + self.page else {}
        return Answer(200, {"invocationJobSummaries": jobs[first : first + self.page], **more})

    def get(self, call: Call) -> Answer:
        job = self._job(call)
        if job is None:
            return refusal(404, "ResourceNotFoundException", "no such job")
        job["polls"] += 1
        if job["polls"] > self.polls_needed and job["about"]["status"] in ("Submitted", "InProgress"):
            self._end(job, self.ending)
        about = dict(job["about"], **({"status": self.word} if self.word else {}))
        return Answer(200, about)

    def stop(self, call: Call) -> Answer:
        self._end(self._job(call), "Stopped")
        return Answer(200, {})

    def _job(self, call: Call) -> dict[str, Any] | None:
        arn = unquote(call.match[1])
        return next((job for job in self.jobs if job["about"]["jobArn"] == arn), None)

    def _end(self, job: dict[str, Any], word: str) -> None:
        rows = [self._row(row) for row in job["rows"][: self.answered]]
        job["about"].update(status=word)
        if not self.no_counts:
            job["about"].update(totalRecordCount=len(job["rows"]), processedRecordCount=len(rows))
        if self.message:
            job["about"].update(message=self.message)
        target = job["asked"]["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"].removeprefix("s3://")
        folder = target + job["about"]["jobArn"].split("/")[1]
        if rows:
            self.objects[f"{folder}/input.jsonl.out"] = b"".join(rows[::-1])
        self.objects[f"{folder}/manifest.json.out"] = json.dumps({"totalRecordCount": len(rows)}).encode()

    def _row(self, row: dict[str, Any]) -> bytes:
        name = converse.custom_id(row["recordId"])
        if name in self.errors:
            answer = {"error": {"errorCode": 400, "errorMessage": self.errors[name]}}
        else:
            message = {"role": "assistant", "content": [{"text": self.text.format(name)}]}
            usage = {"inputTokens": 12, "outputTokens": 3, "totalTokens": 15}
            answer = {"modelOutput": {"output": {"message": message}, "stopReason": "end_turn", "usage": usage}}
        return json.dumps({**row, **answer}).encode() + b"\n"

    # -- S3 ----------------------------------------------------------------------------------------

    def put(self, call: Call) -> Answer:
        part = f"?{int(call.query['partNumber']):05d}" if "partNumber" in call.query else ""
        self.objects[f"{call.match[1]}/{unquote(call.match[2])}{part}"] = plain(call)
        return Answer(200, b"", {"ETag": '"0"'})

    def begin_or_join(self, call: Call) -> Answer:
        """An upload in parts: its begin has no id yet."""
        name = f"{call.match[1]}/{unquote(call.match[2])}"
        if "uploadId" not in call.query:
            return Answer(
                200, b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
            )
        parts = sorted(part for part in self.objects if part.startswith(f"{name}?"))
        self.objects[name] = b"".join(self.objects.pop(part) for part in parts)
        return Answer(200, b"<CompleteMultipartUploadResult/>", {"Content-Type": "text/xml"})

    def list_objects(self, call: Call) -> Answer:
        start = f"{call.match[1]}/{call.query.get('prefix', '')}"
        rows = "".join(
            f"<Contents><Key>{escape(name.partition('/')[2])}</Key><Size>{len(data)}</Size></Contents>"
            for name, data in sorted(self.objects.items())
            if name.startswith(start)
        )
        return Answer(200, f"<ListBucketResult>{rows}</ListBucketResult>".encode(), {"Content-Type": "text/xml"})

    def get_object(self, call: Call) -> Answer:
        data = self.objects.get(f"{call.match[1]}/{unquote(call.match[2])}")
        if data is None:
            return Answer(404, b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>")
        return Answer(200, data, {"Content-Type": "binary/octet-stream"})


def plain(call: Call) -> bytes:
    """The body without the frames of aws-chunked."""
    if "aws-chunked" not in call.headers.get("Content-Encoding", ""):
        return call.body
    data, rest = b"", call.body
    while size := int((head := rest.partition(b"\r\n"))[0].split(b";")[0], 16):
        data, rest = data + head[2][:size], head[2][size + 2 :]
    return data


def refusal(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"message": message}, {"x-amzn-ErrorType": code})
