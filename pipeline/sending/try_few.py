"""A few answers at once, before a batch is paid for: the command `try`.

What came is kept in tries.jsonl, so that the same request is not paid for twice here. A batch knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import orjson

from pipeline.base.atomic_files import append
from pipeline.base.humanize import dollars, many
from pipeline.base.workspace import Workspace
from pipeline.batch.custom_id import transcript
from pipeline.batch.request_index import indexed
from pipeline.batch.request_line import asking
from pipeline.batch.saved_prompts import Prompts, load
from pipeline.errors import Ambiguous, InputError, ProviderError, Rejected, SpendError, clean
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.sent_line import line_of
from pipeline.money.cost import full, used
from pipeline.money.estimate import Calibration, upper
from pipeline.money.tariff import Tariff
from pipeline.money.tokens import count, tokenizer
from pipeline.provider import Price, Provider, Result
from pipeline.sending.sample import spread

Request = dict[str, Any]


@dataclass(frozen=True)
class Try:
    """A request, what came of it, and US dollars that it cost (None: not known); `kept` if that was before."""

    request: Request
    carried: dict[str, Any]
    result: Result
    cost: float | None
    kept: bool


def chosen(ws: Workspace, most: int, wanted: str = "") -> list[tuple[Request, dict[str, Any]]]:
    """The requests of so many transcripts, of all lengths, or of one; of a long one its first part."""
    if not ws.batch.exists():
        raise InputError(f"{ws.batch}: no such file; run `make batch`")
    groups: dict[str, int] = {}
    for request, carried in indexed(ws):
        if wanted == request["custom_id"]:
            return [(request, carried)]
        if wanted in ("", carried["whole"], carried["id"]) and _first(carried):
            name = transcript(request["custom_id"])
            groups[name] = groups.get(name, 0) + len(orjson.dumps(request))
    if not groups:
        raise InputError(f"no transcript has the id {wanted!r}; `make try` without ID takes some")
    names = sorted(groups, key=lambda name: (groups[name], name))
    some = {names[at] for at, _ in zip(spread(len(names)), range(most), strict=False)}
    pairs = ((request, carried) for request, carried in indexed(ws) if _first(carried))
    return [pair for pair in pairs if transcript(pair[0]["custom_id"]) in some]


def _first(carried: dict[str, Any]) -> bool:
    return carried["part"] is None or carried["part"]["number"] == 1


def most(requests: list[Request], tariff: Tariff) -> float | None:
    """US dollars that the requests may cost at once; None if a price is not known."""
    costs = [_most(request["body"], _price(tariff, request["body"]["model"])) for request in requests]
    return None if None in costs else sum(costs)


def _price(tariff: Tariff, model: str) -> Price:
    """The price of a request that is answered at once: what a person says, else what is published."""
    price = tariff.price(model)
    given = {"full_input": tariff.price_in, "full_output": tariff.price_out}
    return replace(price, **{name: value for name, value in given.items() if value is not None})


def _most(body: dict[str, Any], price: Price) -> float | None:
    (prompt,) = count([body], body["model"])
    return full(price, upper(prompt, tokenizer(body["model"]).margin, Calibration()), body["max_tokens"])


def trial(
    ws: Workspace,
    provider: Provider,
    pairs: list[tuple[Request, dict[str, Any]]],
    tariff: Tariff,
    budget: float | None = None,
) -> Iterator[Try]:
    """Ask what was not tried before, one after the other. Raises SpendError before the first is sent."""
    kept, prompts = _kept(ws, provider), load(ws)
    ledger = Ledger(ws)
    lines = [line_of(ledger, provider, request) for request, _ in pairs]
    keys = [asking(provider, line, r["body"]["model"]).hex() for (r, _), line in zip(pairs, lines, strict=True)]
    fresh = [request for (request, _), key in zip(pairs, keys, strict=True) if key not in kept]
    _afford(most(fresh, tariff), budget)
    if fresh:
        provider.preflight(fresh[0]["body"]["model"])
    for (request, carried), line, key in zip(pairs, lines, keys, strict=True):
        model = request["body"]["model"]
        raw = kept.get(key) or _ask(ws, provider, line, model, key)
        result = raw if isinstance(raw, Result) else _read(provider, raw, prompts, request)
        yield Try(request, carried, result, _cost(result, _price(tariff, model)), key in kept)


def summary(done: list[Try], caveat: str) -> str:
    """What was answered, and what it cost. Raises the provider's words if nothing was."""
    good = [one for one in done if one.result.ok or one.result.outcome == "invalid"]
    if not good:
        raise Rejected(f"no request was answered; the last: {done[-1].result.error['message']}")
    costs = [one.cost for one in good if not one.kept]
    paid = "the price is not known" if None in costs else f"{dollars(sum(costs))} at once"
    words = f"{many(len(good), 'answer')} of {len(done):,}, {paid}; next: `make plan` prices the batch"
    return f"{words}\n{caveat}" if caveat else words


def _afford(cost: float | None, budget: float | None) -> None:
    if budget is not None and (cost is None or cost > budget):
        unknown = "their price is not known; PRICE_IN and PRICE_OUT give it, in dollars for a million tokens"
        why = unknown if cost is None else f"they may cost {dollars(cost)}; raise BUDGET, or try fewer: N=1"
        raise SpendError(f"nothing is sent: BUDGET={budget:g}, and {why}")


def _ask(ws: Workspace, provider: Provider, line: bytes, model: str, key: str) -> bytes | Result:
    """The answer as it came, stored before it is read; or why there is none."""
    try:
        raw = provider.ask(line, model)
    except ProviderError as error:
        paid = "; it may be paid all the same" if isinstance(error, Ambiguous) else ""
        return Result(None, False, error={"message": clean(error) + paid, "code": None})
    append(ws.tries, orjson.dumps({"request": key, "output": raw.decode("utf-8", "replace")}))
    return raw


def _read(provider: Provider, raw: bytes, prompts: Prompts, request: Request) -> Result:
    result, answer = provider.decode(raw), prompts.of(request["custom_id"]).answer
    return replace(answer.checked(result) if answer else result, custom_id=request["custom_id"])


def _kept(ws: Workspace, provider: Provider) -> dict[str, bytes]:
    """What was answered before, by request. What failed is asked again, and a line that a crash cut off is none."""
    kept = {}
    for line in ws.tries.read_bytes().split(b"\n") if ws.tries.exists() else ():
        with suppress(ValueError):
            row = orjson.loads(line)
            raw = row["output"].encode()
            if provider.decode(raw).ok:
                kept[row["request"]] = raw
    return kept


def _cost(result: Result, price: Price) -> float | None:
    tokens = used(result.usage)
    return full(price, *tokens) if tokens else None
