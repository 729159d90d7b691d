"""Memory of the commands that move a shard, by the kernel's own figure: it does not grow with the shard."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.base.workspace import Workspace
from pipeline.batch.prompt import Prompt
from tests.anthropic_server import AnthropicServer
from tests.bedrock_server import BedrockServer
from tests.chat_server import ChatServer
from tests.conftest import ROOT, batched, write_jsonl
from tests.gemini_server import GeminiServer
from tests.openai_server import OpenAIServer
from tests.together_server import TogetherServer

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells it")
MOST = 80  # MB over the same command with small requests
REQUESTS, LONG = 1000, 98_000  # a shard of 98 MB, and an output as large


class ServedByTogether(TogetherServer):
    """Answers as long as the others'."""

    secret, base_url, text = "k-secret", "", ""

    def __init__(self) -> None:
        super().__init__()
        self.rows = lambda rows: [self._said(row) for row in rows]

    def _said(self, row):
        row["response"]["body"]["choices"][0]["message"]["content"] = self.text.format(row["custom_id"])
        return row


SERVERS = {
    "openai": OpenAIServer, "together": ServedByTogether, "anthropic": AnthropicServer, "gemini": GeminiServer,
    "mistral": lambda: OpenAIServer("mistral"), "bedrock": BedrockServer, "live": ChatServer,
}  # fmt: skip


# What a process held at most, as the kernel saw it; a figure of its parent's at the time of the fork is not in it.
PEAK = """
import sys
from pipeline.cli import main
main(sys.argv[1:])
held = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(held.split()[1]) // 1024, file=sys.stderr)
"""


def peak(env: dict[str, str], *words: str) -> int:
    """MB that the command held at most; it must end well."""
    done = subprocess.run([sys.executable, "-c", PEAK, *words], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stderr.split()[-1])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "openai" else pytest.mark.long) for name in SERVERS]
)
def test_a_shard_of_100_mb_is_never_in_memory(name, tmp_path):
    with SERVERS[name]() as server:
        server.polls_needed, server.text = 0, "{}" + "x" * LONG
        url = getattr(server, "base_url", "") or server.url
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PROVIDER": name, "POLL": "0", "BASE_URL": url, "WAIT": "1"}
        env |= {f"{name.upper()}_API_KEY": server.secret, f"{name.upper()}_BASE_URL": url}
        env |= server.environment(tmp_path) if name == "bedrock" else {}
        peaks = []
        for run, count, words in (("small", 100, "oats"), ("large", REQUESTS, "oats " * (LONG // 5))):
            ws = Workspace.of(run, name)
            talks = write_jsonl(
                tmp_path / f"{run}.jsonl", [{"id": f"a-{n}", "text": f"{n} {words}"} for n in range(count)]
            )
            batched(ws, [talks], Prompt("m"))
            server.text = "{}" + "x" * (LONG if run == "large" else 1)
            peaks.append([peak(env, command, "--run", run) for command in ("submit", "results")])
            assert ws.results.stat().st_size > count * len(server.text)
    for small, large in zip(*peaks, strict=True):
        assert large - small < MOST
