"""What is certain about a call that failed, and that nothing of a key is shown."""

from __future__ import annotations

import httpx
import pytest

from pipeline.errors import Ambiguous, Busy, Rejected
from providers.wire.http_client import CERTAIN, Http, Missing

SECRET = "k-secret-0123456789"


def service(answer, **how):
    """A service that gives this answer, or raises it; `asked` has what it was asked."""
    http = Http("https://host", {"x-key": SECRET}, SECRET, **how)
    http.asked = []

    def handle(request):
        http.asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    http._client = httpx.Client(transport=httpx.MockTransport(handle), headers=http._headers)
    return http


@pytest.mark.parametrize("kind", ["ReadTimeout", "WriteTimeout", "ReadError", "WriteError", "RemoteProtocolError"])
def test_a_start_that_broke_off_is_in_doubt(kind):
    http = service(getattr(httpx, kind)("broken"))
    with pytest.raises(Ambiguous, match=kind):
        http.start("/jobs", json={})
    assert len(http.asked) == 1


@pytest.mark.parametrize("kind", ["ConnectError", "ConnectTimeout", "PoolTimeout"])
def test_a_start_that_was_never_sent_is_not(kind):
    with pytest.raises(Busy, match=kind):
        service(getattr(httpx, kind)("no way")).start("/jobs", json={})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, Rejected) for status in CERTAIN), (429, Busy),
        *((status, Ambiguous) for status in (301, 302, 307, 408, 409, 425, 500, 502, 503, 504, 529)),
    ],
)  # fmt: skip
def test_what_a_refused_start_means(status, error):
    http = service(httpx.Response(status, json={"error": {"message": "no"}}))
    with pytest.raises(error, match=rf"no \({status}\)"):
        http.start("/jobs", json={})
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    ("status", "error"), [(404, Missing), (400, Rejected), (302, Busy), (409, Busy), (500, Busy)]
)
def test_what_a_refused_call_means(status, error):
    http = service(httpx.Response(status))
    with pytest.raises(error):
        http.ask("list", "GET", "/jobs")
    with pytest.raises(error), http.open("download", "/file"):
        pass


@pytest.mark.parametrize(("after", "seconds"), [("7", 7.0), ("Fri, 31 Dec 2027 23:59:59 GMT", None), ("-1", None)])
def test_how_long_a_service_asks_to_wait(after, seconds):
    with pytest.raises(Busy) as busy:
        service(httpx.Response(429, headers={"Retry-After": after})).start("/jobs", json={})
    assert busy.value.retry_after == seconds


@pytest.mark.parametrize("status", [400, 500])
def test_neither_a_key_nor_a_signature_is_shown(status):
    text = f"bad key {SECRET} for https://store.example/f?X-Sig={'5' * 9} "
    for answer in (httpx.Response(status, json={"error": {"message": text}}), httpx.ReadError(text)):
        with pytest.raises((Ambiguous, Rejected)) as error:
            service(answer).start("/jobs", json={})
        assert "bad key [key] for https://store.example/f?…" in str(error.value)


def test_a_download_asks_for_plain_bytes():
    http = service(httpx.Response(200, content=b"x"))
    with http.open("download", "/file") as chunks:
        assert b"".join(chunks) == b"x"
    assert http.asked[0].headers["Accept-Encoding"] == "identity"


def test_a_redirect_is_not_followed_unasked():
    http = service(httpx.Response(302, headers={"Location": "https://elsewhere/file"}))
    with pytest.raises(Rejected, match="the address has moved"), http.open("download", "/file"):
        pass
    assert len(http.asked) == 1
