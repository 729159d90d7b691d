"""The contract of a line: what `encode`, `custom_id`, `content` and `decode` hold to, without a network."""

from __future__ import annotations

import orjson
import pytest

from pipeline.testkit.run import EVERY


class LineChecks:
    """A request is one line that names it, and any line is a Result."""

    @pytest.mark.parametrize("name", EVERY)
    def test_a_line_is_one_line_and_names_its_request(self, name, run):
        line = run.encoded(name)
        assert b"\n" not in line
        assert line == run.encoded(name)
        assert isinstance(orjson.loads(line), dict)
        assert run.provider.custom_id(line) != run.provider.custom_id(run.encoded(name[:-1] + "9"))

    def test_what_is_asked_is_all_of_a_line_but_its_id(self, run):
        content, (one, other) = run.provider.content, EVERY[:2]
        assert content(run.encoded(one, "words")) == content(run.encoded(other, "words"))
        assert content(run.encoded(one, "words")) != content(run.encoded(one, "other words"))

    @pytest.mark.parametrize("line", [b"", b"\xff", b"{", b"null", b"[]", b"7", b"{}", b'{"error":7}', b'"' * 99])
    def test_any_bytes_are_a_result(self, line, run):
        result = run.provider.decode(line)
        assert not result.ok
        assert result.error["message"]

    def test_ids_of_parts_are_told_apart(self, run):
        names = ("a", "a.p01", "a-p01", "a.b.p01", "a-b.p01", "Z.p01", "a" * 56 + ".r2p0001")
        assert len({run.provider.custom_id(run.encoded(name)) for name in names}) == len(names)
