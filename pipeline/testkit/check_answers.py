"""The contract of the whole way, from transcripts to results: each request has its answer, or why it has none."""

from __future__ import annotations

import pytest

from pipeline.errors import SpendError
from pipeline.testkit.run import EVERY, IDS


class AnswerChecks:
    """What was asked is answered once, under its own id, and nothing secret is written beside it."""

    def test_each_request_is_answered_once(self, run, service):
        run.make(*EVERY, *IDS)
        run.send()
        run.send()
        assert run.collect() == dict.fromkeys((*EVERY, *IDS), "ok")
        assert run.texts() == {name: service.text.format(run.wire(name)) for name in (*EVERY, *IDS)}
        assert service.starts() == len(service.invoice) == 1

    def test_a_long_transcript_has_one_answer(self, run, service):
        least, words = run.provider.limits("m").min_requests, "words of {0} and of the oats. " * 200
        ids = [f"long-{number}" for number in range(least)]
        run.make(*ids, words=words, window=900, long="split")
        for _ in range(2):
            run.send()
            outcomes = run.collect()
        assert outcomes == dict.fromkeys(ids, "ok")
        assert all(len(row["parts"]) > 1 for row in run.rows().values())
        assert len(service.invoice) == service.starts() == 2

    def test_line_separators_in_a_text_part_nothing(self, run, service):
        service.text = "one\u2028two\u2029three\x85 {}"
        run.make("a", "b", words="one\u2028two\u2029three\x85")
        run.send()
        assert run.collect() == {"a": "ok", "b": "ok"}
        assert run.texts()["a"].startswith("one\u2028two\u2029three\x85")

    def test_rows_that_failed_say_why(self, run, service):
        run.make(*IDS)
        service.errors = {run.wire("a"): "it was too long"}
        run.send()
        assert run.collect() == {"a": "error", "b-2": "ok", "C_3": "ok"}
        assert "it was too long" in run.rows()["a"]["error"]["message"]

    def test_no_key_is_written_down(self, run, service, capsys):
        run.make(*IDS)
        service.fault("start", "executed:500")
        run.settle()
        run.collect()
        written = b"".join(path.read_bytes() for path in run.ws.root.rglob("*") if path.is_file())
        assert service.secret.encode() not in written
        assert service.secret not in "".join([*run.said, *capsys.readouterr()])

    def test_a_changed_prompt_is_not_paid_for_in_silence(self, run, service):
        run.make(EVERY[-1])  # as long as an id may be: a plugin that shortens it still knows it
        run.send()
        run.make(EVERY[-1], words="other words of {}")
        with pytest.raises(SpendError, match="already submitted with another body"):
            run.send()
        assert len(service.invoice) == 1
