"""The variables of the Makefile, by name. A name that is none of them is a typing error, told before a goal runs.

The Makefile asks with the system's Python, before anything is installed: only the standard library is used here.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

TABLE = Path(__file__).parent.parent / "schemas" / "variables.schema.json"
NAMES = tuple(json.loads(TABLE.read_text("utf-8"))["properties"])
# What libraries, services and the workshop read: given to make, they reach them.
OTHERS = tuple(
    """
    BEDROCK_BUCKET BEDROCK_ROLE_ARN AWS_REGION AWS_DEFAULT_REGION AWS_PROFILE AWS_ENDPOINT_URL AWS_CA_BUNDLE
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
    SSL_CERT_FILE SSL_CERT_DIR TMPDIR VENV TRAPS PYTEST_ADDOPTS SHELL MAKEFLAGS
    """.split()  # noqa: SIM905
)
# Of vLLM, CUDA, a hub, AWS: let through, unless it is nearly one of the names above.
FOREIGN = ("VLLM_", "CUDA_", "HF_", "OMP_", "AWS_")
SECRET = re.compile(r".*(KEY|SECRET|TOKEN|PASSWORD)(_ID)?\Z", re.I)
# Names of providers: the entry points of this project, and the rows of a person's own.
PROVIDERS = {"setup.cfg": r"^    ([\w-]+) = providers\.", "services.yaml": r"^([\w-]+):"}


def unknown(provider: str, names: Iterable[str], declared: Iterable[str] = ()) -> Iterator[str]:
    """A sentence for each name that nobody reads. The provider `openai` reads `OPENAI_BASE_URL`, and a plugin what
    it has `declared`."""
    from difflib import get_close_matches

    known = [*NAMES, *OTHERS, *declared, *map(address, [provider, *_providers()])]
    for name in names:
        near = get_close_matches(name.upper().replace("-", "_"), known, 1, 0.9 if name.startswith(FOREIGN) else 0.6)
        if name not in known and (near or not name.startswith(FOREIGN) or SECRET.fullmatch(name)):
            yield _sentence(name, near)


def _providers() -> Iterable[str]:
    for path, name in PROVIDERS.items():
        if Path(path).is_file():
            yield from re.findall(name, Path(path).read_text("utf-8", "replace"), re.M)


def address(provider: str) -> str:
    """The variable of a provider that has the address of its service."""
    return re.sub("[^A-Z0-9]", "_", provider.upper()) + "_BASE_URL"


def _sentence(name: str, near: list[str]) -> str:
    from difflib import get_close_matches

    shown = name if name.isprintable() else repr(name)
    if SECRET.fullmatch(name) and not get_close_matches(name, near, 1, 0.9):
        return f"{shown}: a key comes from the environment only, as others can read what is typed or kept in a file"
    if near:
        return f"{shown} is no variable of this project; {near[0]}?"
    return f"{shown} is no variable of this project; README.md lists them; a plugin declares its own"


if __name__ == "__main__":
    print("; ".join(unknown(sys.argv[1], sys.argv[2:])) or "fine")
