"""Amazon Bedrock's batch inference, through boto3: requests and answers lie in S3, a job names both places.

What this module knows about the wire (botocore's service model): a job has its model, its name and a
`clientRequestToken`, and a second create with the same token is the same job, so the token is made of the upload
and is the same in every start of it. Jobs are listed by a part of their name, which is made of the shard's hash.
`Converse` as the type of a job takes lines that are alike for all models. The answers of a job lie below the place
that it names, in objects that end in `.jsonl.out`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import cached_property
from typing import Any

import orjson

from pipeline.errors import Busy, Rejected, clean
from pipeline.hookspecs import hookimpl
from pipeline.provider import Account, Download, Found, Limits, Provider, Shard, Status
from providers.bedrock.bucket_and_role import BUCKET, ROLE, place, role
from providers.bedrock.job import STATES, created_of, name_of, ref_of, state_of
from providers.wire import bedrock_converse
from providers.wire.aws_client import client, parts, session, speaking, starting
from providers.wire.http_client import CHUNK, Missing

OUTPUT = ".jsonl.out"  # the manifest beside it is `manifest.json.out`


class Bedrock(Provider):
    """100 to 50,000 requests and 1 GB a job; found again by its name, and never made twice for one token."""

    name = "bedrock"
    about = "Amazon Bedrock's batch inference, for 100 transcripts and more"
    keys = (BUCKET, ROLE)
    variables = (BUCKET, ROLE, "AWS_REGION")
    discount = "50 % less"
    tag = "clientRequestToken"
    lists_all = True  # and a start that is repeated is, by its token, the same job
    id_field = "recordId"

    def limits(self, model: str) -> Limits:
        # Documented is that there are such quotas, by model and region, and that most can be raised. These are
        # the usual figures; a job beyond those of an account fails the service's own validation.
        return Limits(min_requests=100, max_requests=50_000, max_bytes=1_000_000_000, poll=(60.0, 120.0))

    def encode(self, request: Mapping[str, Any]) -> bytes:
        return bedrock_converse.encode(request)

    def decode(self, line: bytes):
        return bedrock_converse.decode(line)

    def custom_id(self, line: bytes) -> str:
        return bedrock_converse.custom_id(super().custom_id(line)) or ""

    def account(self) -> Account | None:
        """The region, and the account that the role is of; no key is looked at, as many are for an hour only."""
        parts = os.environ.get(ROLE, "").split(":")
        region = os.environ.get("AWS_REGION", "")
        return Account(f"bedrock {region}".strip(), parts[4]) if len(parts) > 5 else None

    def preflight(self, model: str) -> None:
        place()
        role()
        self._bedrock, self._s3  # noqa: B018 (made here, a client says what is missing)

    def stage(self, shard: Shard) -> dict[str, Any]:
        bucket, prefix = place()
        folder = f"{prefix}{shard.sha256}/"
        with speaking("upload"):
            self._s3.upload_file(str(shard.path), bucket, folder + "input.jsonl", Config=parts())
        # A second upload of the same bytes is for a job of its own: it must not be answered with the first one's.
        return {"bucket": bucket, "folder": folder, "attempt": secrets.token_hex(8)}

    def find(self, shard: Shard, handle: Mapping[str, Any]) -> list[Found]:
        listing = self._bedrock.get_paginator("list_model_invocation_jobs")
        with speaking("list"):
            pages = listing.paginate(nameContains=name_of(shard))
            jobs = [job for page in pages for job in page.get("invocationJobSummaries", ())]
            mine = [job for job in jobs if job["jobName"].startswith(name_of(shard) + "-")]
            return [Found(ref_of(job), state_of(job), created_of(job)) for job in mine]

    def start(self, shard: Shard, handle: Mapping[str, Any]) -> dict[str, Any]:
        bedrock, role_arn = self._bedrock, role()  # what is missing is refused before anything is in doubt
        folder = f"s3://{handle['bucket']}/{handle['folder']}"
        with starting():
            job = bedrock.create_model_invocation_job(
                jobName=f"{name_of(shard)}-{handle['attempt']}",
                clientRequestToken=shard.sha256 + handle["attempt"],
                modelId=shard.model,
                modelInvocationType="Converse",
                roleArn=role_arn,
                inputDataConfig={"s3InputDataConfig": {"s3InputFormat": "JSONL", "s3Uri": folder + "input.jsonl"}},
                outputDataConfig={"s3OutputDataConfig": {"s3Uri": f"{folder}{handle['attempt']}/"}},
            )
            return ref_of(job)

    def poll(self, ref: Mapping[str, Any]) -> Status:
        job = self._job(ref)
        raw, done = clean(job.get("status") or "", 40), job.get("processedRecordCount")
        return Status(
            state_of(job),
            raw=raw,
            done=done if isinstance(done, int) else None,
            error=clean(job["message"]) if job.get("message") else None,
            warning=None if raw in STATES else f"unknown status {raw!r}; taken as still running",
        )

    def fetch(self, ref: Mapping[str, Any]) -> Iterator[Download]:
        job, listing = self._job(ref), self._s3.get_paginator("list_objects_v2")
        with speaking("list of outputs"):
            target = job["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]
            bucket, _, folder = target.removeprefix("s3://").partition("/")
            pages = listing.paginate(Bucket=bucket, Prefix=folder)
            objects = {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", ())}
        for path in sorted(objects):
            if path.endswith(OUTPUT):
                yield from self._download(bucket, path, objects[path])

    def cancel(self, ref: Mapping[str, Any]) -> None:
        with speaking("cancel"):
            self._bedrock.stop_model_invocation_job(jobIdentifier=ref["id"])

    def ask(self, line: bytes, model: str) -> bytes:
        row = orjson.loads(line)
        runtime = client(self._session, "bedrock-runtime", retries={"total_max_attempts": 1})
        with starting("ask"):
            answer = runtime.converse(modelId=model, **row["modelInput"])
            return orjson.dumps({"recordId": row["recordId"], "modelOutput": answer})

    # -- the clients -----------------------------------------------------------------------------

    @cached_property
    def _session(self) -> Any:
        return session()

    @cached_property
    def _bedrock(self) -> Any:
        return client(self._session, "bedrock", retries={"total_max_attempts": 1})  # one call is one request

    @cached_property
    def _s3(self) -> Any:
        return client(self._session, "s3")  # repeats a part of an upload by itself: that costs nothing

    def _job(self, ref: Mapping[str, Any]) -> dict[str, Any]:
        try:
            with speaking("status"):
                job = self._bedrock.get_model_invocation_job(jobIdentifier=ref["id"])
        except Missing as error:
            raise Rejected(f"{error}; set the account and the region that started {ref['id']}") from None
        if job.get("jobArn") != ref["id"]:
            raise Busy(f"the status of job {ref['id']} came back as something else")
        return job

    def _download(self, bucket: str, path: str, size: int) -> Iterator[Download]:
        """One object as a stream; the connection is closed when the core is done with it."""
        try:
            with speaking("download"):
                body = self._s3.get_object(Bucket=bucket, Key=path)["Body"]
        except Missing:
            yield Download("output", size, None)
            return
        with closing(body):
            yield Download("output", size, _chunks(body))


def _chunks(body: Any) -> Iterator[bytes]:
    with speaking("download"):
        yield from body.iter_chunks(CHUNK)


@hookimpl
def batch_provider() -> Provider:
    return Bedrock()
