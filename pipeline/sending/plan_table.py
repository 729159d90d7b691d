"""The plan for people, as a table, and for programs, as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.base.humanize import dollars, many
from pipeline.money.estimate import GUESS, Estimate
from pipeline.money.tariff import known
from pipeline.sending.plan import Part, Plan, summed

UNKNOWN = "not known; PRICE_IN and PRICE_OUT give it, in dollars for a million tokens"


def table(plan: Plan) -> Iterator[str]:
    """Lines of a label and its words; the last one says what to type next."""
    for label, words in _rows(plan):
        yield f"{label:<10} {words}"


def _rows(plan: Plan) -> Iterator[tuple[str, str]]:
    found = plan.found
    pending = sum(part.requests for part in plan.parts)
    yield "pending", f"{pending:,} of {many(found.total, 'request')}"
    if found.unsent:
        outside = f"outside of SAMPLE={plan.asked.sample}" if plan.asked.sample else "and stay so"
        yield ("sample" if plan.asked.sample else "left"), f"{found.unsent:,} more are pending {outside}"
    if found.shared:
        yield "shared", _shared(plan)
    for part in plan.parts:
        yield from _part(part)
    if plan.later.requests:
        yield "later", f"about {many(plan.later.requests, 'request')} to combine answers: cost {_cost(plan.later)}"
    if len(plan.parts) > 1 or (plan.later.requests and plan.parts):
        yield "in all", _cost(summed(plan.parts) + plan.later)
    if plan.started or plan.begun:
        spent = UNKNOWN if plan.spent is None else dollars(plan.spent) + (" at most" if plan.open else "")
        yield "sent", f"{many(plan.started, 'request')} so far: {spent}"
    for label, parts in (("RETRY=1", plan.retry), ("REPLACE=1", plan.replace)):
        if parts:
            yield (
                label,
                f"would send {many(sum(part.requests for part in parts), 'request')} more: {_cost(summed(parts))}",
            )
    if plan.begun:
        requests, starts = (sum(getattr(one, name) for one in plan.begun) for name in ("requests", "lost"))
        of = "" if any(one.carried for one in plan.begun) else f" of {many(requests, 'request')}"
        yield "lost", f"{many(starts, 'start')}{of} had no answer, and may be paid"
    yield from _end(plan, pending)


def _shared(plan: Plan) -> str:
    pairs = [f"{name} as {twin}" for name, twin in plan.found.twins if name and twin]
    some = f" ({', '.join(pairs)}{', …' if plan.found.shared > len(pairs) else ''})" if pairs else ""
    ask = "asks" if plan.found.shared == 1 else "ask"
    return f"{many(plan.found.shared, 'request')} {ask} what another one does{some}, at no cost; EACH=1 sends each"


def _part(part: Part) -> Iterator[tuple[str, str]]:
    total, price = part.estimate, part.price
    yield "model", part.model
    if part.prompt:
        yield "prompt", part.prompt
    yield "shards", f"{part.shards:,}{_limits(part)}"
    yield "input", f"{total.input:,} tokens, {total.input_most:,} at most: {_counted(part)}"
    yield "output", f"{total.output:,} tokens, {total.output_most:,} at most: {_guessed(part)}"
    if known(price):
        most = " at once, the most that a batch costs, as no batch price is published" if price.bound else ""
        yield "price", f"${price.input:g} in, ${price.output:g} out for a million tokens{most}: {price.source}"
    else:
        yield "price", UNKNOWN
    yield "cost", _cost(total)
    yield (
        "longest",
        f"{part.longest[1]:,} tokens: {part.longest[0]}; shortest {part.shortest[1]:,}: {part.shortest[0]}",
    )
    if part.too_long:
        more = ", …" if part.too_long > len(part.named) else ""
        yield "too long", f"{many(part.too_long, 'request')} may not fit the window: {', '.join(part.named)}{more}"


def _limits(part: Part) -> str:
    limits = part.limits
    said = [
        many(limits.max_requests, "request") if limits.max_requests else "",
        f"{limits.max_bytes / 1e6:,g} MB" if limits.max_bytes else "",
        f"{limits.max_enqueued_tokens:,} tokens waiting" if limits.max_enqueued_tokens else "",
        f"{many(limits.max_jobs, 'job')} at once" if limits.max_jobs else "",
    ]
    known_ones = ", ".join(filter(None, said))
    return f" (the service takes {known_ones})" if known_ones else ""


def _counted(part: Part) -> str:
    if part.learned.rows:
        rows = many(part.learned.rows, "answer")
        return f"{part.tokenizer.name}'s tokenizer, times {part.learned.ratio:.3f} as {rows} taught"
    return part.tokenizer.note


def _guessed(part: Part) -> str:
    if part.learned.rows:
        return f"{part.learned.answer:,.0f} each, as {many(part.learned.rows, 'answer')} taught"
    return f"a guess, {GUESS * 100:g} % of max_tokens, until this run has answers"


def _cost(total: Estimate) -> str:
    if total.cost is None:
        return "not known"
    words = f"{dollars(total.cost)} expected, {dollars(total.cost_most)} at most"
    return words if total.full in (None, total.cost) else f"{words}; {dollars(total.full)} at once"


def _end(plan: Plan, pending: int) -> Iterator[tuple[str, str]]:
    budget, most = plan.asked.bounds.budget, (summed(plan.parts) + plan.later).cost_most
    over = budget is not None and (None in (most, plan.spent) or most + plan.spent > budget)
    if budget is not None:
        unknown = "the price is not known" if None in (most, plan.spent) else "too little"
        yield "budget", f"{dollars(budget)}: {unknown if over else 'enough'}"
    yield "next", _next(plan, pending, over)


def _next(plan: Plan, pending: int, over: bool) -> str:
    asked = plan.asked
    words = {
        "RETRY=1": asked.retry,
        asked.correction.words if asked.correction else "": asked.correction,
        "REPLACE=1": asked.replace,
        "EACH=1": asked.each,
        f"SAMPLE={asked.sample}": asked.sample,
    }
    goal = " ".join(["make submit", *(word for word, said in words.items() if said)])
    if plan.begun:
        again = f"; it starts it again only with AGAIN={plan.begun[0].shard}" if plan.begun[0].doubted else " first"
        return f"`{goal}` looks for the job of {plan.begun[0].shard}{again}"
    if plan.replace:
        return f"`{goal}` refuses: put the text, prompt and model back, choose a new RUN, or REPLACE=1"
    if over and pending:
        return f"`{goal}` refuses: it may cost more than the budget"
    if pending:
        return f"`{goal}` sends these"
    return "`make results` collects what is to be combined" if plan.later.requests else "nothing to send"
