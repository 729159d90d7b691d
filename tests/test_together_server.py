"""The real SDK against the service on loopback: it speaks the wire, and each fault is what it says."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import together

from tests import together_server
from tests.together_server import TogetherServer

CHAT = "/v1/chat/completions"
GOOD = "file-0123456789abcdef"


@pytest.fixture
def server():
    with TogetherServer() as running:
        yield running


@pytest.fixture
def client(server):
    with together.Together(api_key="k", base_url=server.url, max_retries=0) as made:
        yield made


@pytest.fixture
def upload(client, tmp_path):
    """`upload("a", "b")` sends a file with one request for each id; bytes are sent as they are."""

    def send(*ids: str, data: bytes | None = None, name: str = "shard.jsonl", by=client):
        path = tmp_path / name
        path.write_bytes(b"".join(map(line, ids)) if data is None else data)
        return by.files.upload(path, purpose="batch-api", check=False)

    return send


@pytest.fixture
def create(client, upload):
    """`create("a", "b")` uploads and starts a job."""
    return lambda *ids, **how: client.batches.create(endpoint=CHAT, input_file_id=upload(*ids, **how).id).job


@pytest.fixture
def finish(client):
    """Asks for a job until it ends; the job."""

    def poll(job):
        for _ in range(9):
            job = client.batches.retrieve(job.id)
            if job.status in together_server.TERMINAL:
                return job
        raise AssertionError(job.status)

    return poll


def line(name: str) -> bytes:
    body = {"model": "m", "messages": [{"role": "user", "content": f"words of {name}"}]}
    return json.dumps({"custom_id": name, "body": body}).encode() + b"\n"


def rows(client, file_id: str) -> list[dict]:
    return [json.loads(text) for text in client.files.content(file_id).text().splitlines()]


def names(found: list[dict]) -> list[str]:
    return [row["custom_id"] for row in found]


def by_hand(url: str, key: str | None = "k", method: str = "GET") -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
    return httpx.request(method, url, headers=headers)


# -- the wire --------------------------------------------------------------------------------------


def test_the_whole_way_and_the_requests_it_takes(server, client, upload):
    file = upload("a", "b")
    made = client.batches.create(endpoint=CHAT, input_file_id=file.id)
    assert (made.job.status, made.warning) == ("VALIDATING", None)
    path = f"/v1/batches/{made.job.id}"
    states = [client.batches.retrieve(made.job.id) for _ in range(2)]
    assert [(job.status, job.progress) for job in states] == [("IN_PROGRESS", 50.0), ("COMPLETED", 100.0)]
    assert [bool(job.output_file_id) for job in states] == [False, True]
    client.files.content(states[1].output_file_id)
    content = states[1].output_file_id
    assert server.requests == [
        ("POST", "/v1/files"),
        ("PUT", f"/storage/{file.id}"),
        ("POST", f"/v1/files/{file.id}/preprocess"),
        ("POST", "/v1/batches"),
        ("GET", path),
        ("GET", path),
        ("GET", f"/v1/files/{content}/content"),
        ("GET", f"/storage/{content}"),
    ]


def test_a_file_is_described_listed_and_deleted(server, client, upload):
    file = upload("a", name="first-123.jsonl")
    for told in (file, client.files.retrieve(file.id), *client.files.list().data):
        assert (told.id, told.filename, told.bytes) == (file.id, "first-123.jsonl", len(line("a")))
        assert (told.purpose, told.file_type) == ("batch-api", "jsonl")
    assert client.files.content(file.id).read() == server.files[file.id]["data"] == line("a")
    assert client.files.delete(file.id).deleted
    for gone in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(together.NotFoundError):
            gone(file.id)


def test_the_same_bytes_are_the_same_file(server, upload):
    assert upload("a").id == upload("a", name="other.jsonl").id != upload("b").id
    assert [method for method, _ in server.requests].count("PUT") == 2


def test_an_upload_that_stopped_half_way_can_be_repeated(server, client, upload):
    server.fault("put", "drop")
    with pytest.raises(httpx.RemoteProtocolError):
        upload("a")
    assert client.files.list().data == []
    assert upload("a").bytes == len(line("a"))


@pytest.mark.parametrize("two", [False, True])
def test_storage_may_be_another_origin_and_takes_no_key_for_an_upload(two, tmp_path):
    path = tmp_path / "one.jsonl"
    path.write_bytes(line("a"))
    with TogetherServer(two_origins=two) as server:
        assert (server.storage != server.url) is two
        client = together.Together(api_key="k", base_url=server.url, max_retries=0)
        file = client.files.upload(path, purpose="batch-api", check=False)
        assert client.files.content(file.id).read() == line("a")
        assert by_hand(f"{server.storage}/storage/{file.id}", method="PUT").status_code == 403
        assert server.files[file.id]["data"] == line("a")


def test_an_answer_is_a_chat_completion_that_follows_from_its_row(client, create, finish):
    ids = [f"id-{number}" for number in range(20)]
    found = rows(client, finish(create(*ids)).output_file_id)
    assert names(found) != ids
    assert sorted(names(found)) == sorted(ids)
    row = next(row for row in found if row["custom_id"] == "id-7")
    body = row["response"]["body"]
    assert row["response"]["status_code"] == 200
    assert body["object"] == "chat.completion"
    assert re.fullmatch(r"answer to id-7: 13 chars, [0-9a-f]{8}", body["choices"][0]["message"]["content"])
    assert body["usage"]["total_tokens"] == 15
    assert len({json.dumps(row["response"]["body"]["choices"]) for row in found}) == 20


def test_the_list_is_null_when_it_is_empty_and_shows_a_job_by_its_file(server, client, create):
    assert client.batches.list() is None
    job = create("a")
    found = client.batches.list()
    assert [each.id for each in found] == [job.id]
    assert (found[0].input_file_id, found[0].x_model_id) == (job.input_file_id, "m")
    assert found[0].created_at.tzinfo is not None


def test_a_new_job_may_be_listed_late(server, client, create):
    server.list_lag = 2
    job = create("a")
    assert [client.batches.list() for _ in range(2)] == [None, None]
    assert [each.id for each in client.batches.list()] == [job.id]


def test_one_file_may_back_many_jobs_and_each_is_on_the_invoice(server, client, upload):
    file = upload("a", "b")
    for _ in range(2):
        client.batches.create(endpoint=CHAT, input_file_id=file.id)
    assert server.invoice == [["a", "b"], ["a", "b"]]
    assert server.paid == ["a", "a", "b", "b"]
    assert server.starts() == 2
    assert [(bill["id"], bill["input_file_id"], bill["status"]) for bill in server.bills] == [
        (job, file.id, "VALIDATING") for job in server.jobs
    ]
    with urllib.request.urlopen(f"{server.url}/invoice") as told:
        assert json.load(told) == server.bills


def test_cancel_takes_until_a_later_poll_and_keeps_what_was_done(server, client, create):
    server.polls_needed, server.cancel_polls = 3, 1
    job = create("a", "b", "c", "d")
    for _ in range(2):
        client.batches.retrieve(job.id)
    assert client.batches.cancel(job.id).status == "CANCELING"
    last = [client.batches.retrieve(job.id) for _ in range(2)]
    assert [each.status for each in last] == ["CANCELING", "CANCELLED"]
    assert sorted(names(rows(client, last[1].output_file_id))) == ["a", "b"]
    with pytest.raises(together.BadRequestError, match="CANCELLED"):
        client.batches.cancel(job.id)


@pytest.mark.parametrize("key", [None, "wrong"])
def test_without_the_right_key_there_is_nothing(key, server):
    assert by_hand(f"{server.url}/v1/batches", key).status_code == 401
    assert by_hand(f"{server.url}/v1/files", key, "POST").status_code == 401


def test_what_is_not_there_is_refused(server, client, upload):
    with pytest.raises(together.BadRequestError) as refusal:
        client.batches.create(endpoint=CHAT, input_file_id="file-unknown")
    assert refusal.value.body == {"error": "invalid input file"}
    with pytest.raises(together.BadRequestError):
        client.batches.create(endpoint="/v1/other", input_file_id=upload("a").id)
    for call in (client.batches.retrieve, client.batches.cancel):
        with pytest.raises(together.NotFoundError):
            call("batch-unknown")
    assert by_hand(f"{server.url}/v1/nothing").status_code == 404
    assert by_hand(f"{server.url}/v1/batches", method="POST").status_code == 400
    assert by_hand(f"{server.url}/v1/files", method="POST").status_code == 400
    assert server.invoice == []


# -- what validation says --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "0 requests"),
        (b"{not json\n", "line 1: malformed"),
        (line("a") + b"[]\n", "line 2: malformed"),
        (line("a") + b'{"custom_id": "b"}\n', "line 2: malformed"),
        (line("x" * 65), "line 1: malformed"),
        (line("a") + line("b") + line("a"), "line 3: duplicate custom_id a"),
        (b"".join(line(str(number)) for number in range(50_001)), "50001 requests"),
    ],
    ids=["empty", "no-json", "no-object", "no-body", "long-id", "twice", "50,001"],
)
def test_an_invalid_file_fails_the_job_in_validation(data, error, server, client, create):
    server.polls_needed = 5
    job = client.batches.retrieve(create(data=data).id)
    assert job.status == "FAILED"
    assert error in job.error
    assert job.output_file_id is None


def test_the_limits_are_the_documented_ones_and_inclusive(server, create, finish):
    assert (server.max_bytes, server.max_lines, server.max_line) == (100_000_000, 50_000, 10_000_000)
    server.max_bytes = len(line("a") + line("b"))
    assert finish(create("a", "b")).status == "COMPLETED"
    server.max_bytes -= 1
    assert finish(create("a", "b")).error == f"input file exceeds {server.max_bytes} bytes"


def test_a_line_of_more_than_10_mb_passes_validation_and_fails_later(client, create):
    padded = line("a").rstrip() + b" " * 10_000_000 + b"\n"
    job = create(data=line("b") + padded)
    states = [client.batches.retrieve(job.id) for _ in range(2)]
    assert [each.status for each in states] == ["IN_PROGRESS", "FAILED"]
    assert states[1].error == "error reading input file"


# -- endings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["COMPLETED", "FAILED", "EXPIRED", "CANCELLED"])
def test_an_ending_with_a_part_of_the_answers(ending, server, client, create, finish):
    server.ending, server.answered, server.job_error = ending, 2, "why"
    job = create("a", "b", "c")
    server.ending, server.answered = "COMPLETED", None  # of later jobs
    job = finish(job)
    assert (job.status, job.error) == (ending, "why")
    assert sorted(names(rows(client, job.output_file_id))) == ["a", "b"]


def test_a_failed_job_has_no_files(server, create, finish):
    server.ending = "FAILED"
    job = finish(create("a"))
    assert (job.output_file_id, job.error_file_id) == (None, None)


def test_the_error_file(server, client, create, finish):
    server.errors = {"b": ("Invalid model", "invalid_model"), "c": "overloaded", "other": "not in this job"}
    job = finish(create("a", "b", "c"))
    assert names(rows(client, job.output_file_id)) == ["a"]
    assert rows(client, job.error_file_id) == [
        {"custom_id": "b", "error": {"message": "Invalid model", "code": "invalid_model"}},
        {"custom_id": "c", "error": {"message": "overloaded", "code": "invalid_request"}},
    ]
    server.errors = {"d": "overloaded"}
    assert finish(create("d")).output_file_id is None


def test_an_empty_error_file(server, client, create, finish):
    server.empty_error_file = True
    job = finish(create("a"))
    assert client.files.content(job.error_file_id).read() == b""
    assert client.files.retrieve(job.error_file_id).bytes == 0


def test_the_files_may_be_bent(server, client, create, finish):
    server.rows = lambda found: [found[0], found[0], {**found[1], "custom_id": "stranger"}, b"{cut"]
    server.error_rows = lambda found: [{"custom_id": "a", "error": "a string"}]
    server.empty_error_file = True
    job = finish(create("a", "b"))
    lines = client.files.content(job.output_file_id).text().splitlines()
    assert lines[0] == lines[1]
    assert json.loads(lines[2])["custom_id"] == "stranger"
    assert lines[3] == "{cut"
    assert rows(client, job.error_file_id) == [{"custom_id": "a", "error": "a string"}]


def test_files_that_are_named_late(server, client, create, finish):
    server.late_files = 2
    job = finish(create("a"))
    later = [client.batches.retrieve(job.id).output_file_id for _ in range(2)]
    assert [job.output_file_id, later[0]] == [None, None]
    assert names(rows(client, later[1])) == ["a"]


def test_words_and_warnings_the_sdk_does_not_know(server, client, upload):
    server.words, server.warning = ["SCHEDULING", "completed"], "only 50 of these"
    made = client.batches.create(endpoint=CHAT, input_file_id=upload("a").id)
    assert made.warning == "only 50 of these"
    states = [client.batches.retrieve(made.job.id).status for _ in range(3)]
    assert states == ["SCHEDULING", "completed", "COMPLETED"]


def test_a_job_may_be_told_in_any_way(server, client, create, finish):
    server.job_hook = lambda job: {**job, "status": job["status"].lower(), "error_file_id": ""}
    job = create("a")
    assert job.status == "validating"
    assert client.batches.list()[0].error_file_id == client.batches.retrieve(job.id).error_file_id == ""


# -- faults ----------------------------------------------------------------------------------------


@pytest.fixture
def calls(client, upload, finish):
    """One call of the SDK for each route, with what it needs made beforehand."""
    job = client.batches.create(endpoint=CHAT, input_file_id=upload("ready").id).job
    output = finish(job).output_file_id
    running = client.batches.create(endpoint=CHAT, input_file_id=upload("ready").id).job
    create = lambda: client.batches.create(endpoint=CHAT, input_file_id=job.input_file_id)  # noqa: E731
    asks = {"model": "m", "messages": [{"role": "user", "content": "oats"}]}
    return {
        "upload": lambda: upload("new"),
        "complete": lambda: client.chat.completions.create(**asks),
        "put": lambda: upload("new"),
        "preprocess": lambda: upload("new"),
        "create": create,
        "list": client.batches.list,
        "retrieve": lambda: client.batches.retrieve(running.id),
        "cancel": lambda: client.batches.cancel(running.id),
        "file": lambda: client.files.retrieve(output),
        "list_files": client.files.list,
        "redirect": lambda: client.files.content(output),
        "content": lambda: client.files.content(output),
        "delete": lambda: client.files.delete(job.input_file_id),
    }


def state(server) -> tuple:
    """All that a call can change, but for the record of the calls."""
    jobs = [(job.about["status"], job.polls) for job in server.jobs.values()]
    files = {name: file["data"] for name, file in server.files.items()}
    return jobs, files


ROUTES = [route for route in together_server.ROUTES.values() if route != "tell_bills"]
CHANGING = ["upload", "put", "create", "retrieve", "cancel", "delete"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", ["status:503", "drop"])
def test_a_fault_without_execution_changes_nothing(kind, route, server, calls):
    before, seen = state(server), len(server.requests)
    server.fault(route, kind)
    with pytest.raises((together.APIError, httpx.HTTPError)) as failure:
        calls[route]()
    assert getattr(failure.value, "status_code", 503) == 503
    last = {"put": 2, "preprocess": 3, "content": 2}.get(route, 1)
    assert len(server.requests) == seen + last
    if route not in ("put", "preprocess"):  # what comes before them is done
        assert state(server) == before
    elif route == "put":
        assert [data for name, data in state(server)[1].items() if name not in before[1]] == [None]
    assert server.faults[route] == []
    calls[route]()


@pytest.mark.parametrize("route", CHANGING)
@pytest.mark.parametrize("kind", ["executed:503", "executed:drop", "executed:status:503"])
def test_an_executed_fault_does_it_and_loses_the_answer(kind, route, server, calls):
    before = state(server)
    server.fault(route, kind)
    with pytest.raises((together.APIError, httpx.HTTPError)):
        calls[route]()
    assert state(server) != before


def test_a_create_is_billed_for_what_was_executed_alone(server, calls):
    before = len(server.invoice)
    server.fault("create", "500", "executed:500", "drop", "executed:drop")
    for bills in (0, 1, 1, 2):
        with pytest.raises(together.APIError):
            calls["create"]()
        assert len(server.invoice) == before + bills
    calls["create"]()
    assert len(server.invoice) == before + 3


@pytest.mark.parametrize("kind", ["truncate", "html", "empty"])
def test_a_create_whose_answer_is_no_job(kind, server, calls):
    """The SDK takes HTML for a string and `{}` for a job that is None; half of the JSON it cannot read."""
    before = len(server.invoice)
    server.fault("create", f"executed:{kind}")
    if kind == "truncate":
        with pytest.raises(json.JSONDecodeError):
            calls["create"]()
    else:
        assert getattr(calls["create"](), "job", None) is None
    assert len(server.invoice) == before + 1


def test_an_answer_that_comes_too_late(server, client, upload):
    file = upload("a")
    server.fault("create", "executed:slow")
    with pytest.raises(together.APITimeoutError):
        client.batches.create(endpoint=CHAT, input_file_id=file.id, timeout=0.1)
    assert server.invoice == [["a"]]
    assert len(client.batches.list()) == 1  # others are answered meanwhile


def test_a_slow_answer_comes_when_it_is_released(server, client, upload):
    file = upload("a")
    server.fault("create", "executed:slow")
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(client.batches.create, endpoint=CHAT, input_file_id=file.id)
        while not server.invoice:
            assert not answer.done()
        server.release.set()
        assert answer.result(9).job.id == server.bills[0]["id"]


def test_closing_releases_what_is_slow(tmp_path):
    with TogetherServer() as server, ThreadPoolExecutor() as pool:
        server.fault("list", "slow")
        answer = pool.submit(by_hand, f"{server.url}/v1/batches")
        while not server.requests:
            pass
        server.__exit__()
        assert answer.result(9).json() is None


@pytest.mark.parametrize(
    ("kind", "status", "wait"),
    [
        ("429:7", 429, "7"),
        ("retry_after:7:429", 429, "7"),
        ("retry_after:Wed, 21 Oct 2026 07:28:00 GMT:503", 503, "Wed, 21 Oct 2026 07:28:00 GMT"),
        ("429", 429, None),
    ],
)
def test_an_answer_may_ask_to_wait(kind, status, wait, server, calls):
    server.fault("list", kind)
    with pytest.raises(together.APIStatusError) as failure:
        calls["list"]()
    assert failure.value.status_code == status
    assert failure.value.response.headers.get("retry-after") == wait


def test_a_fault_may_come_several_times_and_then_is_over(server, client):
    server.fault("list", "500", times=2)
    for _ in range(2):
        with pytest.raises(together.InternalServerError):
            client.batches.list()
    assert client.batches.list() is None


def test_a_list_that_is_none(server, client, create):
    create("a")
    server.fault("list", "dict", "html", "truncate")
    assert not isinstance(client.batches.list(), list)
    assert not isinstance(client.batches.list(), list)
    with pytest.raises(json.JSONDecodeError):
        client.batches.list()
    assert len(client.batches.list()) == 1


@pytest.fixture
def output(server, client, create, finish):
    """The id of an output file and its bytes."""
    file_id = finish(create(*[f"id-{number}" for number in range(40)])).output_file_id
    return file_id, server.files[file_id]["data"]


def test_a_download_that_is_cut_is_seen_by_the_sdk(server, client, output):
    file_id, whole = output
    server.fault("content", "cut", times=2)
    with pytest.raises(together.APIConnectionError):
        client.files.content(file_id)
    got = b""
    with client.files.with_streaming_response.content(file_id) as answer:
        assert answer.headers["content-length"] == str(len(whole))
        with pytest.raises(httpx.RemoteProtocolError):
            for chunk in answer.iter_bytes(64):
                got += chunk
    assert 0 < len(got) < len(whole)
    assert client.files.content(file_id).read() == whole


@pytest.mark.parametrize("kind", ["short", "fewer", "gzip_cut", "html", "empty"])
def test_a_download_that_is_wrong_and_looks_right_to_the_sdk(kind, server, client, output):
    file_id, whole = output
    server.fault("content", kind)
    answer = client.files.content(file_id)
    got = answer.read()
    assert answer.status_code == 200
    assert got != whole
    assert len(got) < len(whole) == client.files.retrieve(file_id).bytes
    if kind == "html":
        assert b"<html" in got or b"<!doctype html" in got
    elif kind == "empty":
        assert got == b""
    else:
        assert got
        assert whole.startswith(got)
        assert got.endswith(b"\n") is (kind == "fewer")
    if kind == "gzip_cut":
        assert answer.headers["content-encoding"] == "gzip"
    assert client.files.content(file_id).read() == whole


@pytest.mark.parametrize(("route", "kind"), [("lits", "500"), ("list", "explode"), ("list", "executed:5")])
def test_a_fault_that_is_misspelt_is_refused(route, kind, server):
    with pytest.raises(ValueError, match="no such fault"):
        server.fault(route, kind)


# -- clients that die, and many at once ------------------------------------------------------------


def test_clients_that_are_killed_leave_no_trace(server, client, upload, capfd):
    file = upload("a")
    body = json.dumps({"endpoint": CHAT, "input_file_id": file.id}).encode()
    head = b"POST /v1/batches HTTP/1.1\r\nAuthorization: Bearer k\r\nContent-Length: %d\r\n\r\n" % len(body)
    for sent in (b"", b"POST /v1/ba", head, head + body[:20], b"\x00nonsense\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as half:
            half.sendall(sent)
            half.shutdown(socket.SHUT_WR)
            while half.recv(4096):
                pass
    assert server.invoice == []
    assert client.batches.list() is None
    assert capfd.readouterr() == ("", "")


def test_many_clients_at_once_are_each_billed_once(server, upload, client):
    files = [upload(f"id-{number}").id for number in range(20)]
    start = threading.Barrier(20)

    def run(file_id):
        start.wait()
        return client.batches.create(endpoint=CHAT, input_file_id=file_id).job.id

    with ThreadPoolExecutor(20) as pool:
        jobs = list(pool.map(run, files))
    assert len(set(jobs)) == 20
    assert server.paid == sorted(f"id-{number}" for number in range(20))


def test_it_serves_by_hand():
    script = Path(together_server.__file__)
    command = [sys.executable, str(script), "--port", "0", "--polls", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = re.search(r"TOGETHER_BASE_URL=(http://127\.0\.0\.1:\d+)", process.stdout.readline())[1]
            assert by_hand(f"{url}/invoice", None).json() == []
            assert by_hand(f"{url}/v1/batches").json() is None
        finally:
            process.terminate()
