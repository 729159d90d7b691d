"""What the rounds will cost that combine answers which have not come yet."""

from __future__ import annotations

from math import ceil
from typing import Any

import orjson

from pipeline.cost import GUESS, Calibration, Estimate, Tariff, cost, full
from pipeline.errors import TooLong
from pipeline.files import BUFFER
from pipeline.ledger import Kind
from pipeline.prompt import NOBODY, Prompt
from pipeline.prompts import Prompts, load
from pipeline.provider import Provider
from pipeline.spent import Lessons
from pipeline.window import HEAD, Shares, Window
from pipeline.workspace import Workspace


def ahead(ws: Workspace, provider: Provider, tariff: Tariff, lessons: Lessons, sample: int = 0) -> Estimate:
    """Of all transcripts that were split and have no last request yet; of a sample, of the longest so many."""
    prompts = load(ws)
    if not any(prompt.long == "split" for prompt in prompts):
        return Estimate()
    total = Estimate()
    for name, counts in _split(ws, prompts).items():
        prompt = prompts.named(name)
        counts = sorted(counts, reverse=True)[: sample or None]
        total += _estimate(prompt, counts, provider, tariff, lessons[Kind(prompt.model, prompt.name)])
    return total


def _split(ws: Workspace, prompts: Prompts) -> dict[str, list[int]]:
    """By prompt: how many parts each transcript has that was split, and whose last request is not made yet."""
    made = {row["custom_id"] for row in _rows(ws.round)} if ws.round.exists() else set()
    counts: dict[str, list[int]] = {prompt.name: [] for prompt in prompts}
    for row in _rows(ws.index):
        if (part := row["part"]) and part["number"] == 1 < part["of"] and row["whole"] not in made:
            counts[row["prompt"] or ""].append(part["of"])
    return counts


def _rows(path: Any) -> Any:
    with path.open("rb", buffering=BUFFER) as stream:
        yield from map(orjson.loads, stream)


def _estimate(
    prompt: Prompt, counts: list[int], provider: Provider, tariff: Tariff, learned: Calibration
) -> Estimate:
    window = Window(provider, prompt.model, prompt.window or 0)
    try:
        shares = window.shares(prompt, NOBODY, 3) if counts else Shares(0, 0)
    except TooLong:
        return Estimate()
    around = window.size - shares.room
    answer = min(learned.answer if learned.rows else GUESS * prompt.max_tokens, shares.answer)
    likely, most = (_tokens(counts, shares.text, tokens, around) for tokens in (answer, shares.answer))
    price, said, all_said = tariff.price(prompt.model), likely[0] * answer, most[0] * prompt.max_tokens
    written = price.write if prompt.cache else 1.0
    return Estimate(
        likely[0], round(likely[1]), ceil(most[1]), round(said), all_said,
        cost(price, likely[1], said), cost(price, most[1] * written, all_said, window.size),
        full(price, likely[1], said),
    )  # fmt: skip


def _tokens(counts: list[int], room: int, answer: float, around: int) -> tuple[int, float]:
    """Requests of all rounds, and the tokens of their prompts, if each answer has so many."""
    requests, tokens = 0, 0.0
    for count in counts:
        while count > 1:
            after = ceil(count / max(2, room // (answer + HEAD)))
            requests, tokens = requests + after, tokens + count * (answer + HEAD) + after * around
            count = after
    return requests, tokens
