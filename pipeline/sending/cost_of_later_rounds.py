"""What the rounds will cost that combine answers which have not come yet."""

from __future__ import annotations

from collections.abc import Container, Iterator
from math import ceil
from typing import Any

from pipeline.base.lines import rows
from pipeline.base.workspace import Workspace
from pipeline.batch.custom_id import rounded, transcript, whole
from pipeline.batch.fit_window import HEAD, Shares, Window
from pipeline.batch.prompt import NOBODY, Prompt
from pipeline.batch.request_kind import Kind
from pipeline.batch.saved_prompts import Prompts, load
from pipeline.errors import DamagedError, InputError
from pipeline.jobs.calibration import Lessons
from pipeline.jobs.ledger import Ledger
from pipeline.money.cost import cost, full
from pipeline.money.estimate import GUESS, Calibration, Estimate
from pipeline.money.tariff import Tariff
from pipeline.provider import Provider
from pipeline.sending.correct import Correction


def ahead(
    ws: Workspace,
    provider: Provider,
    tariff: Tariff,
    ledger: Ledger,
    within: Container[str] | None = None,
    correction: Correction | None = None,
) -> Estimate:
    """Of all transcripts that were split and have no last request yet; `within`: of those with these stems.

    They are asked as the batch is, or as a `correction` says.
    """
    prompts = load(ws)
    if not any(prompt.long == "split" for prompt in prompts):
        return Estimate()
    lessons, total = Lessons(ledger), Estimate()
    for name, counts in _split(ws, provider, prompts, ledger, within).items():
        prompt = prompts.named(name)
        prompt = correction.prompt(provider, prompt) if correction else prompt
        total += _estimate(prompt, counts, provider, tariff, lessons[Kind(prompt.model, prompt.name)])
    return total


def _split(
    ws: Workspace, provider: Provider, prompts: Prompts, ledger: Ledger, within: Container[str] | None
) -> dict[str, list[int]]:
    """By prompt: of each transcript that was split, how many answers there are to combine behind what is made."""
    made = _made(ws, provider, ledger)
    counts: dict[str, list[int]] = {prompt.name: [] for prompt in prompts}
    for row in _index(ws):
        name, part = row["whole"], row["part"]
        if part and part["number"] == 1 < part["of"] and (within is None or transcript(name) in within):
            counts[row["prompt"] or ""].append(made.get(name, part["of"]))
    return counts


def _index(ws: Workspace) -> Iterator[dict[str, Any]]:
    try:
        yield from rows(ws.index)
    except ValueError:
        raise DamagedError(f"{ws.index} does not belong to {ws.batch}; run `make -B batch`") from None


def _made(ws: Workspace, provider: Provider, ledger: Ledger) -> dict[str, int]:
    """How many requests the latest round has of each transcript that has one; 1 is the last."""
    sent = {provider.custom_id(line) for receipt in ledger for line in ledger.lines(receipt)}
    made = dict.fromkeys((name for name in sent if whole(name) == name), 1)
    latest: dict[str, int] = {}
    for row in rows(ws.round) if ws.round.exists() else ():
        name, number = whole(row["custom_id"]), rounded(row["custom_id"])
        again = number and latest.get(name) == number
        # An answer may have gone on by itself beside those that a round combines.
        made[name] = made[name] + 1 if again else 2 if number else 1
        latest[name] = number
    return made


def _estimate(
    prompt: Prompt, counts: list[int], provider: Provider, tariff: Tariff, learned: Calibration
) -> Estimate:
    window = Window.of(provider, prompt)
    try:
        shares = window.shares(prompt, NOBODY, combine=True) if counts else Shares(0, 0)
    except InputError:
        return Estimate()
    around = window.size - shares.room
    answer = min(learned.answer if learned.rows else GUESS * prompt.max_tokens, shares.answer)
    likely, most = (_tokens(counts, shares, tokens, around) for tokens in (answer, shares.answer))
    last = sum(count > 1 for count in counts)  # requests whose answer may have all that is left
    price, said = tariff.price(prompt.model), likely[0] * answer
    all_said = (most[0] - last) * shares.answer + last * min(prompt.max_tokens, shares.room)
    written = price.write if prompt.cache else 1.0
    return Estimate(
        likely[0], round(likely[1]), ceil(most[1]), round(said), all_said,
        cost(price, likely[1], said), cost(price, most[1] * written, all_said, window.size),
        full(price, likely[1], said),
    )  # fmt: skip


def _tokens(counts: list[int], shares: Shares, answer: float, around: int) -> tuple[int, float]:
    """Requests of all rounds, and the tokens of their prompts, if each answer has so many."""
    requests, tokens = 0, 0.0
    for count in counts:
        while count > 1:
            after = ceil(count / max(2, shares.text // (answer + HEAD)))
            requests, tokens = requests + after, tokens + count * (answer + HEAD) * shares.times + after * around
            count = after
    return requests, tokens
