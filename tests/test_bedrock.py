"""The Bedrock provider through the real boto3, against its wire on loopback."""

from __future__ import annotations

import json
import re
import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.workspace import Workspace
from pipeline.errors import Busy, InputError, Rejected, SpendError, Unencodable, UnfinishedError
from pipeline.jobs.cancel import cancel
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.start_context import Starter
from pipeline.provider import Shard
from pipeline.sending.submit import submit
from providers import bedrock
from providers.wire import aws_client as aws
from providers.wire import bedrock_converse as converse
from tests.bedrock_server import ROLE, BedrockServer, account, refusal
from tests.conftest import read_jsonl, write_jsonl
from tests.fakes import FakeTime, asking
from tests.stages import Watch

pytest.importorskip("boto3")
loaders = pytest.importorskip("botocore.loaders")

IDS = [f"talk_{number}-Z" for number in range(120)]
OK = dict.fromkeys(IDS, "ok")


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """An account that is nobody's, and nothing of the person who runs the tests."""
    for name, value in account(tmp_path).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server(monkeypatch, tmp_path):
    with BedrockServer() as running:
        for name, value in running.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def ws():
    return Workspace.of("test", "bedrock")


@pytest.fixture
def said():
    return []


@pytest.fixture
def send(ws, said):
    time = FakeTime()
    return lambda **how: submit(ws, bedrock.Bedrock(), clock=time.clock, say=said.append, **asking(how))


@pytest.fixture
def collect(ws, said):
    def run(wait=True):
        Watch(ws, bedrock.Bedrock(), FakeTime().clock, said.append).results(wait)
        return {row["custom_id"]: row["outcome"] for row in read_jsonl(ws.results)}

    return run


def test_the_whole_way(server, make_batch, send, collect, ws):
    make_batch(*IDS, system="Be brief.")
    send()
    assert collect() == OK
    row = read_jsonl(ws.results)[0]
    assert row["text"] == f"answer to {IDS[0]}"
    assert row["usage"] == {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    assert row["finish_reason"] == "stop" and row["job"] == server.jobs[0]["about"]["jobArn"]
    sent = next(ws.shards.glob("*.jsonl")).read_bytes()
    path = next(path for path in server.objects if path.endswith("input.jsonl"))
    assert server.objects[path] == sent
    assert re.fullmatch("our-bucket/some/prefix/[0-9a-f]{64}/input.jsonl", path)
    asked = server.jobs[0]["asked"]
    assert (asked["modelId"], asked["modelInvocationType"], asked["roleArn"]) == ("m", "Converse", ROLE)
    assert orjson.loads(sent.splitlines()[0])["modelInput"]["system"] == [{"text": "Be brief."}]


def test_what_is_sent_is_what_the_service_model_says(server, make_batch, send):
    make_batch(*IDS)
    send()
    shapes = loaders.Loader().load_service_model("bedrock", "service-2")["shapes"]
    conform(shapes, "CreateModelInvocationJobRequest", server.jobs[0]["asked"])
    (listed,) = {call.query["nameContains"] for verb, call in server.calls if verb == "find"}
    conform(shapes, "ModelInvocationJobName", listed)
    assert set(bedrock.STATES) == set(shapes["ModelInvocationJobStatus"]["enum"])


def test_a_line_is_what_the_service_model_of_converse_says():
    shapes = loaders.Loader().load_service_model("bedrock-runtime", "service-2")["shapes"]
    body = {"stop": "END", "temperature": 0.5, "top_p": 0.9, "top_k": 4, "requestMetadata": {"a": "b"}}
    line = orjson.loads(converse.encode(request(**body)))
    conform(shapes, "ConverseRequest", {"modelId": "m", **line["modelInput"]})
    fields = {name for name, member in shapes["ConverseRequest"]["members"].items() if "location" not in member}
    assert {*converse.OWN, "messages", "system", "projectIdentifier"} == fields
    assert set(converse.FINISHED) | {"malformed_model_output", "malformed_tool_use"} == set(
        shapes["StopReason"]["enum"]
    )


def conform(shapes, name, value):
    """The value has only the members of the shape, all that are required, and the form of each."""
    shape = shapes[name]
    if shape["type"] == "structure" and not shape.get("document"):
        assert set(shape.get("required", ())) <= set(value) <= set(shape["members"]), name
        for member, inner in value.items():
            conform(shapes, shape["members"][member]["shape"], inner)
    elif shape["type"] == "list":
        for inner in value:
            conform(shapes, shape["member"]["shape"], inner)
    elif shape["type"] == "string":
        assert re.fullmatch(shape.get("pattern", "(?s).*"), value), (name, value)
        assert shape.get("min", 0) <= len(value) <= shape.get("max", 10**9)
        assert value in shape.get("enum", [value])


# -- exactly once ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["executed:500", "executed:503", "executed:drop", "executed:truncate", "executed:html"]
)
def test_a_start_whose_answer_is_lost_is_one_job(fault, server, make_batch, send, collect):
    make_batch(*IDS)
    server.fault("start", fault)
    send()
    assert server.starts() == 1
    assert server.invoice == [IDS]
    assert collect() == OK


@pytest.mark.parametrize("fault", ["500", "drop"])
def test_a_start_that_was_never_executed_is_repeated_once_after_settle(fault, server, make_batch, send):
    make_batch(*IDS)
    server.fault("start", fault)
    send()
    assert server.starts() == 2
    assert server.invoice == [IDS]


def test_a_lost_start_that_no_list_shows_is_repeated_as_the_same_job(server, make_batch, send, monkeypatch):
    make_batch(*IDS)
    server.fault("start", "executed:500")
    monkeypatch.setattr(bedrock.Bedrock, "find", lambda *args: [])
    send()
    assert server.starts() == 2
    assert server.invoice == [IDS]


def test_a_start_is_one_request_whatever_the_environment_says(server, make_batch, send, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    make_batch(*IDS)
    server.fault("start", "executed:500")
    send()
    assert server.starts() == 1


@pytest.mark.parametrize(
    ("answer", "error", "starts"),
    [
        (refusal(400, "ValidationException", "the role is wrong"), Rejected, 1),
        (refusal(403, "AccessDeniedException", "the role is wrong"), Rejected, 1),
        (refusal(404, "ResourceNotFoundException", "the role is wrong"), Rejected, 1),
        (refusal(400, "ServiceQuotaExceededException", "the role is wrong"), Busy, 5),
        (refusal(429, "ThrottlingException", "the role is wrong"), Busy, 5),
        (refusal(400, "ConflictException", "the role is wrong"), UnfinishedError, 2),
    ],
)
def test_what_a_refused_start_means(answer, error, starts, server, make_batch, send, monkeypatch):
    make_batch(*IDS)
    monkeypatch.setattr(server, "create", lambda call: answer)
    with pytest.raises(error) as refused:
        send()
    assert error is UnfinishedError or "the role is wrong" in str(refused.value)
    assert server.starts() == starts
    assert server.invoice == []


def test_a_service_that_cannot_be_reached_was_sent_nothing(server, make_batch, send, monkeypatch, tmp_path):
    def gone(*args):
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", "http://127.0.0.1:1")
        return []

    make_batch(*IDS)
    monkeypatch.setattr(bedrock.Bedrock, "preflight", lambda *args: None)
    monkeypatch.setattr(bedrock.Bedrock, "find", gone)
    with pytest.raises(Busy, match="EndpointConnectionError"):
        send()


def test_all_pages_of_the_list_are_read_and_only_whole_names_count(server, make_batch, send, ws):
    make_batch(*IDS)
    send()
    server.page, first = 1, server.jobs[0]["about"]
    for number, name in ((8, "x" + first["jobName"]), (9, first["jobName"])):
        about = dict(first, jobName=name, jobArn=f"{first['jobArn'][:-1]}{number}")
        server.jobs.append({"about": about, "names": []})
    receipt = next(iter(Ledger(ws)))
    found = bedrock.Bedrock().find(Ledger(ws).shard(receipt), receipt.handle)
    assert [(job.ref["id"][-1], job.state, job.exact) for job in found] == [
        ("0", "running", True),
        ("9", "running", True),
    ]


def test_a_retry_of_the_same_requests_is_another_job(server, make_batch, send, collect):
    make_batch(*IDS)
    server.ending, server.answered = "Failed", 0
    send()
    assert set(collect().values()) == {"error"}
    server.ending, server.answered = "Completed", None
    send(retry=True)
    assert collect() == OK
    assert server.invoice == [IDS, IDS]


@pytest.mark.parametrize("field", ["model", "max_tokens"])
def test_another_model_or_prompt_is_not_taken_for_what_was_paid(field, server, make_batch, send, ws):
    make_batch(*IDS)
    send()
    rows = read_jsonl(ws.batch)
    for row in rows:
        row["body"][field] = {"model": "n", "max_tokens": 7}[field]
    write_jsonl(ws.batch, rows)
    with pytest.raises(SpendError, match="120 of 120 requests were already submitted with another body"):
        send()
    send(replace=True)
    assert [job["asked"]["modelId"] for job in server.jobs] == ["m", "n" if field == "model" else "m"]


# -- before anything is sent -----------------------------------------------------------------------


def test_less_than_a_hundred_are_refused_and_nothing_is_uploaded(server, make_batch, send):
    make_batch(*IDS[:99])
    with pytest.raises(InputError, match="bedrock takes no batch of less than 100 requests, and 99 are pending"):
        send()
    assert server.requests == [] and server.objects == {}


def test_a_missing_boto3_says_what_to_install(make_batch, send, monkeypatch):
    make_batch(*IDS)
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(Rejected, match=re.escape("pip install 'transcript-batch[bedrock]'")):
        send()


def test_a_missing_region_says_what_to_set(make_batch, send, monkeypatch):
    make_batch(*IDS)
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(Rejected, match="AWS_REGION"):
        send()


def test_missing_credentials_say_what_to_set(server, make_batch, send, monkeypatch):
    make_batch(*IDS)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Rejected, match="AWS_ACCESS_KEY_ID"):
        send()
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BEDROCK_BUCKET", ""),
        ("BEDROCK_BUCKET", "https://our-bucket.s3.amazonaws.com"),
        ("BEDROCK_BUCKET", "s3://Our_Bucket"),
        ("BEDROCK_BUCKET", "s3://our-bucket/a b"),
        ("BEDROCK_ROLE_ARN", ""),
        ("BEDROCK_ROLE_ARN", "batch"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(name, value, server, make_batch, send, monkeypatch):
    make_batch(*IDS)
    monkeypatch.setenv(name, value)
    with pytest.raises(Rejected, match=f"set {name} to"):
        send()
    assert server.requests == []


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("our-bucket", ("our-bucket", "")),
        ("s3://our-bucket/", ("our-bucket", "")),
        ("our-bucket/a/b/", ("our-bucket", "a/b/")),
    ],
)
def test_the_forms_of_a_bucket(value, parts, monkeypatch):
    monkeypatch.setenv("BEDROCK_BUCKET", value)
    assert bedrock.place() == parts


# -- endings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        ("PartiallyCompleted", "expired"),
        ("Expired", "expired"),
        ("Stopped", "cancelled"),
        ("Failed", "error"),
        ("Completed", "missing"),
    ],
)
def test_what_was_answered_before_the_end_is_kept(ending, outcome, server, make_batch, send, collect):
    make_batch(*IDS)
    server.ending, server.answered = ending, 70
    send()
    assert collect() == {**dict.fromkeys(IDS, outcome), **dict.fromkeys(IDS[:70], "ok")}


def test_the_reason_of_a_failed_job_reaches_every_row(server, make_batch, send, collect, ws):
    make_batch(*IDS)
    server.ending, server.answered, server.message = "Failed", 0, "the role cannot read the bucket"
    send()
    assert set(collect().values()) == {"error"}
    assert "the role cannot read the bucket" in read_jsonl(ws.results)[0]["error"]["message"]


def test_a_row_that_failed_says_why(server, make_batch, send, collect, ws):
    make_batch(*IDS)
    server.errors = {IDS[1]: "Input is too long"}
    send()
    assert collect() == {**OK, IDS[1]: "error"}
    assert read_jsonl(ws.results)[1]["error"] == {"message": "Input is too long", "code": "400"}


def test_an_unknown_word_means_still_running(server, make_batch, send, collect, said):
    make_batch(*IDS)
    server.word = "Daydreaming"
    send()
    with pytest.raises(UnfinishedError, match="still running"):
        collect(wait=False)
    assert any("unknown status 'Daydreaming'" in text for text in said)
    server.word = None
    assert collect() == OK


def test_counts_may_be_absent(server, make_batch, send, collect):
    make_batch(*IDS)
    server.no_counts = True
    send()
    assert collect() == OK


def test_cancel_asks_the_service(server, make_batch, send, collect, ws, said):
    make_batch(*IDS)
    server.polls_needed, server.answered = 9, 30
    send()
    ledger, provider, clock = Ledger(ws), bedrock.Bedrock(), FakeTime().clock
    assert cancel(ledger, provider, Starter(ledger, provider, clock, said.append), said.append) == 1
    assert sorted(set(collect().values())) == ["cancelled", "ok"]


def test_a_job_of_another_account_says_so(server, make_batch, send, collect):
    make_batch(*IDS)
    send()
    server.jobs.clear()
    with pytest.raises(Rejected, match="set the account and the region that started"):
        collect()


# -- S3 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["stage", "find", "poll", "fetch"])
@pytest.mark.parametrize("fault", ["500", "429", "drop", "executed:drop"])
def test_what_is_safe_to_repeat_is_repeated(verb, fault, server, make_batch, send, collect):
    make_batch(*IDS)
    server.fault(verb, fault)
    send()
    assert collect() == OK
    assert server.invoice == [IDS]


LIST = ["executed:truncate", "executed:html"]  # of outputs, and then the first of them
OBJECT = [("", "cut"), ("", "short"), ("", "drop"), ("", "500")]


@pytest.mark.parametrize("faults", [*[(kind,) for kind in LIST], *OBJECT])
def test_a_broken_download_is_fetched_again(faults, server, make_batch, send, collect):
    make_batch(*IDS)
    send()
    server.fault("fetch", *faults)
    assert collect() == OK
    assert sum(verb == "fetch" for verb, _ in server.requests) >= 3


def test_a_bucket_that_is_not_there_is_refused(server, make_batch, send, monkeypatch):
    make_batch(*IDS)
    gone = b"<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"
    monkeypatch.setattr(server, "put", lambda call: refusal(404, "", "")._replace(content=gone))
    with pytest.raises(Rejected, match=r"upload: The specified bucket does not exist \(NoSuchBucket, 404\)"):
        send()


def test_an_output_that_vanished_is_a_download_without_bytes(server, make_batch, send, ws, monkeypatch):
    make_batch(*IDS)
    server.polls_needed = 0
    send()
    provider, receipt = bedrock.Bedrock(), next(iter(Ledger(ws)))
    assert provider.poll(receipt.ref).state == "completed"
    monkeypatch.setattr(
        server,
        "get_object",
        lambda call: refusal(404, "", "")._replace(content=b"<Error><Code>NoSuchKey</Code></Error>"),
    )
    (download,) = provider.fetch(receipt.ref)
    assert download.chunks is None and download.size > 0


def test_a_large_shard_goes_up_in_parts_to_an_s3_that_others_wrote(monkeypatch, tmp_path):
    """The multipart upload, the list and the download, against moto."""
    moto = pytest.importorskip("moto.server")
    service = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    service.start()
    try:
        host, port = service.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
        provider, data = bedrock.Bedrock(), b"x" * (9 << 20) + b"\n"
        provider._s3.create_bucket(Bucket="our-bucket")
        path = tmp_path / "shard.jsonl"
        path.write_bytes(data)
        handle = provider.stage(Shard("0001-00000000", path, 1, len(data), "0" * 64, "m"))
        folder = f"{handle['folder']}{handle['attempt']}/"
        for name in ("input.jsonl.out", "manifest.json.out"):
            provider._s3.put_object(Bucket="our-bucket", Key=f"{folder}job/{name}", Body=name.encode())
        about = {"outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"s3://our-bucket/{folder}"}}}
        monkeypatch.setattr(provider, "_job", lambda ref: about)
        got = [(part.size, b"".join(part.chunks)) for part in provider.fetch({"id": "job"})]
        assert got == [(15, b"input.jsonl.out")]
        whole = provider._s3.get_object(Bucket="our-bucket", Key=handle["folder"] + "input.jsonl")
        assert whole["Body"].read() == data
    finally:
        service.stop()


# -- lines -----------------------------------------------------------------------------------------


def request(messages=None, **fields):
    messages = messages or [{"role": "user", "content": "x"}]
    return {"custom_id": "a", "body": {"model": "m", "messages": messages, "max_tokens": 9, **fields}}


def asked(**fields):
    return orjson.loads(converse.encode(request(**fields)))["modelInput"]


def test_openai_s_words_become_converse_s():
    messages = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"cachePoint": {"type": "default"}}]},
    ]
    assert asked(messages=messages, temperature=0.5, top_p=0.9, stop="END", max_completion_tokens=9, seed=None) == {
        "system": [{"text": "s"}],
        "messages": [
            {"role": "user", "content": [{"text": "u"}]},
            {"role": "assistant", "content": [{"text": "a"}, {"cachePoint": {"type": "default"}}]},
        ],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
    }


def test_what_is_not_openai_s_goes_as_it_is():
    guard = {"guardrailIdentifier": "g", "guardrailVersion": "1"}
    body = asked(top_k=40, additionalModelRequestFields={"thinking": {"type": "enabled"}}, guardrailConfig=guard)
    assert body["additionalModelRequestFields"] == {"thinking": {"type": "enabled"}, "top_k": 40}
    assert body["guardrailConfig"] == guard
    assert asked(inferenceConfig={"topP": 0.5})["inferenceConfig"] == {"maxTokens": 9, "topP": 0.5}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        *[({name: 1}, f"{name}: Converse has no such field") for name in converse.FOREIGN],
        ({"max_completion_tokens": 8}, "max_completion_tokens: not the same as max_tokens"),
        ({"inferenceConfig": {"maxTokens": 8}}, "inferenceConfig.maxTokens: also given beside it"),
        ({"inferenceConfig": []}, "inferenceConfig: not an object"),
        ({"top_k": 1, "additionalModelRequestFields": {"top_k": 2}}, "additionalModelRequestFields.top_k: also"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role: Converse has no 'tool'"),
        ({"messages": [{"role": "user", "content": "x", "name": "n"}]}, "messages[0].name: Converse has no"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content: no block of"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content: neither text nor"),
        (
            {"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "s"}]},
            "messages[1]: Converse takes a system message before all others only",
        ),
    ],
)
def test_what_converse_cannot_express_is_named(fields, named):
    with pytest.raises(Unencodable, match=re.escape(named)):
        asked(**fields)


def test_equal_requests_are_equal_bytes_and_another_model_is_another_request():
    one, two = request(top_k=1, top_p=0.5), request(top_p=0.5, top_k=1)
    assert converse.encode(one) == converse.encode(two)
    two["body"]["model"] = "n"
    assert converse.encode(one) != converse.encode(two)


@given(
    st.from_regex(r"[A-Za-z0-9_-]{1,50}([.][A-Za-z0-9_-]{1,6}){0,2}", fullmatch=True),
    st.text(st.characters(codec="utf-8"), min_size=1),
)
def test_a_record_id_is_alphanumeric_and_spells_the_custom_id(name, model):
    line = converse.encode({**request(), "custom_id": name, "body": {**request()["body"], "model": model}})
    record = orjson.loads(line)["recordId"]
    assert record.isascii() and record.isalnum()
    assert bedrock.Bedrock().custom_id(line) == converse.decode(line).custom_id == name


@pytest.mark.parametrize(
    ("row", "text", "reason", "error"),
    [
        ({"modelOutput": {"output": {"message": {"content": [{"text": "a"}, {"text": "b"}]}}}}, "ab", None, None),
        (
            {
                "modelOutput": {
                    "output": {"message": {"content": [{"reasoningContent": {}}, {"text": "a"}]}},
                    "stopReason": "max_tokens",
                }
            },
            "a",
            "length",
            None,
        ),
        ({"modelOutput": {"stopReason": "new_word"}}, None, "new_word", ("the answer has no text", "no_content")),
        ({"error": {"errorCode": 400, "errorMessage": "bad"}}, None, None, ("bad", "400")),
        ({"error": {"errorCode": "x"}}, None, None, ("no answer and no reason given", "x")),
        ({"error": "bad"}, None, None, ("bad", None)),
        ({}, None, None, ("no answer and no reason given", None)),
        ({"modelOutput": []}, None, None, ("no answer and no reason given", None)),
    ],
)
def test_lines_of_output(row, text, reason, error):
    result = converse.decode(orjson.dumps({"recordId": "aZ1bZ300000000", **row}))
    assert (result.custom_id, result.ok, result.text, result.finish_reason) == (
        "a-b",
        text is not None,
        text,
        reason,
    )
    assert result.error == (error and {"message": error[0], "code": error[1]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["output", "message", "content", "text", "stopReason", "usage", "errorMessage", "errorCode"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
ROWS = st.fixed_dictionaries(
    {}, optional={"recordId": JSON, "modelOutput": JSON, "error": JSON, "modelInput": JSON}
)


@given(st.binary() | ROWS.map(lambda row: json.dumps(row).encode()) | JSON.map(lambda v: str(v).encode()))
def test_any_bytes_are_a_result(line):
    result = converse.decode(line)
    assert result.ok == (result.error is None) == isinstance(result.text, str)
    assert result.finish_reason is None or isinstance(result.finish_reason, str)
    assert orjson.dumps([result.custom_id, result.text, result.error, result.finish_reason, result.usage])


def test_what_botocore_calls_its_errors_is_what_it_calls_them():
    exceptions = pytest.importorskip("botocore.exceptions")
    assert all(hasattr(exceptions, name) for name in (*aws.LOCAL, *aws.NEVER_SENT, *aws.HINTS))


def test_no_secret_is_written_anywhere(server, make_batch, send, collect, said, tmp_path):
    make_batch(*IDS)
    server.fault("start", "executed:500")
    send()
    collect()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "secret-0123456789" not in written.decode("utf-8", "replace") + "\n".join(said)
