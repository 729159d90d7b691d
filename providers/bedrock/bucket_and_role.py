"""The bucket for requests and answers, and the role that lets Bedrock use it, as the environment has them."""

from __future__ import annotations

import os
import re

from pipeline.errors import Rejected

BUCKET = "BEDROCK_BUCKET"
ROLE = "BEDROCK_ROLE_ARN"
PLACE = re.compile(r"(?:s3://)?([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[-!_*'().A-Za-z0-9]+)*)/?")
ROLE_ARN = re.compile(r"arn:aws(?:-[^:]+)?:iam::(?:[0-9]{12})?:role/\S+")


def place() -> tuple[str, str]:
    """The bucket, and what every key in it begins with: "" or "prefix/"."""
    match = PLACE.fullmatch(os.environ.get(BUCKET, "").strip())
    if not match:
        raise Rejected(f"set {BUCKET} to the bucket for requests and answers: s3://bucket or s3://bucket/prefix")
    return match[1], f"{match[2][1:]}/" if match[2] else ""


def role() -> str:
    value = os.environ.get(ROLE, "").strip()
    if not ROLE_ARN.fullmatch(value):
        raise Rejected(f"set {ROLE} to the role that lets Bedrock use the bucket: arn:aws:iam::…:role/…")
    return value
