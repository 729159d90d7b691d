"""Stored outputs, read line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import BinaryIO

from pipeline.base.workspace import Workspace
from pipeline.batch import custom_id
from pipeline.batch.saved_prompts import load
from pipeline.errors import DamagedError
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.provider import Provider, Result

Read = Callable[[bytes], Result]


class Reader:
    """Decodes lines of output; where a prompt asks for structured answers, checked and parsed."""

    def __init__(self, ws: Workspace, provider: Provider) -> None:
        self._prompts, self._decode = load(ws), provider.decode

    def of(self, name: str) -> Read:
        """For answers to the prompt of that name, which a batch may not have any more."""
        prompt = self._prompts.named(name)
        if not name and prompt is None:  # a job of several prompts, which was started elsewhere
            return self._by_its_id
        if prompt is None or prompt.answer is None:
            return self._decode
        return lambda line: prompt.answer.checked(self._decode(line))

    def _by_its_id(self, line: bytes) -> Result:
        result = self._decode(line)
        prompt = self._prompts.named(custom_id.prompt(result.custom_id or ""))
        return prompt.answer.checked(result) if prompt and prompt.answer else result


def decoded(ledger: Ledger, receipt: Receipt, read: Read) -> Iterator[Result]:
    """Each line of a shard's output."""
    with ExitStack() as stack:
        for line in opened(ledger, receipt, stack) or ():
            if line.strip():
                yield read(line)


def answered(ledger: Ledger, receipt: Receipt, reader: Reader) -> tuple[set[str], set[str]]:
    """The custom_ids of a shard that have a valid answer, and of those that have one which is not."""
    valid, invalid = set(), set()
    for result in decoded(ledger, receipt, reader.of(receipt.prompt)):
        if result.custom_id and (result.ok or result.outcome == "invalid"):
            (valid if result.ok else invalid).add(result.custom_id)
    return valid, invalid


def opened(ledger: Ledger, receipt: Receipt, stack: ExitStack) -> BinaryIO | None:
    if receipt.output is None:
        return None
    path = ledger.output(receipt)
    if not path.exists() or path.stat().st_size != receipt.output["bytes"]:
        raise DamagedError(f"{path} is missing or not what was downloaded; restore the file")
    return stack.enter_context(path.open("rb"))
