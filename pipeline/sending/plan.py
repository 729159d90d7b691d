"""The command `plan`: what `submit` would send now, and what that costs. It reads, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter

from pipeline.base.workspace import Workspace
from pipeline.batch.context_window import size
from pipeline.batch.request_kind import Kind
from pipeline.jobs.calibration import calibration
from pipeline.jobs.cost_so_far import committed, exactly
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.receipt import Receipt
from pipeline.jobs.shard_size import Cutter, level
from pipeline.jobs.token_counts import NONE, Counted, tally
from pipeline.money.estimate import Calibration, Estimate, estimate
from pipeline.money.tariff import Tariff
from pipeline.money.tokens import Tokenizer, tokenizer
from pipeline.provider import Limits, Price, Provider
from pipeline.sending.check_all_sent import check_retry
from pipeline.sending.cost_of_later_rounds import ahead
from pipeline.sending.count_tokens import counted
from pipeline.sending.find_pending import survey
from pipeline.sending.pending import Pending
from pipeline.sending.same_question import key
from pipeline.sending.submit_options import Asked
from pipeline.sending.unstarted_shards import approved, unstarted

NAMED = 5


@dataclass
class Part:
    """The pending requests of one kind. `longest` and `shortest` are custom_id and tokens of a prompt.

    `too_long` counts prompts that may not fit into the window beside an answer of max_tokens; `named` are a few.
    """

    model: str
    prompt: str
    price: Price
    limits: Limits
    tokenizer: Tokenizer
    learned: Calibration
    requests: int = 0
    shards: int = 0
    tokens: dict[str, int] = field(default_factory=lambda: NONE)
    longest: tuple[str, int] | None = None
    shortest: tuple[str, int] | None = None
    too_long: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, name: str, one: Counted, window: int | None) -> None:
        """One request more."""
        self.requests += 1
        self.tokens = tally(self.tokens, one.line, one.prompt, one.answer)
        pairs = [(name, one.prompt), *([self.longest, self.shortest] if self.longest else [])]
        self.longest, self.shortest = max(pairs, key=itemgetter(1)), min(pairs, key=itemgetter(1))
        if window and one.most + one.answer > window:
            self.too_long += 1
            self.named += [name] if len(self.named) < NAMED else []

    @property
    def estimate(self) -> Estimate:
        return estimate(self.requests, self.tokens, self.price, self.tokenizer.margin, self.learned)


@dataclass
class Plan:
    """What is to be sent, by model and prompt; what RETRY and REPLACE would send besides; and what was paid so far.

    `started` counts requests that a job has or had, `spent` is what those cost (None: not known), at most if it
    is `open`. `later` are requests that will combine answers to parts. `begun` are shards that had a start and
    have no job.
    """

    found: Pending
    parts: list[Part]
    retry: list[Part]
    replace: list[Part]
    later: Estimate
    started: int
    spent: float | None
    open: bool
    begun: list[Receipt]
    asked: Asked


def plan(ws: Workspace, provider: Provider, asked: Asked, tariff: Tariff, context: int | None = None) -> Plan:
    """The plan of a batch. Raises InputError where `submit` would; needs no key and no network."""
    ledger = Ledger(ws)
    check_retry(ledger, asked)
    ended = any(receipt.settled for receipt in ledger)
    found, again = survey(ledger, provider, asked, again=ended or bool(unstarted(ledger)))
    ledger.corrections.keep(found.corrected)
    approved(ledger, found, again, key(provider, asked.each))
    again = again if ended else found
    changed = {} if asked.replace else found.changed

    def parts(pending: Pending, keys: Iterable[bytes]) -> list[Part]:
        kinds = pending.by_kind(keys)
        return [_part(ledger, provider, kind, kinds[kind], asked, tariff, context) for kind in kinds]

    return Plan(
        found,
        parts(found, found.places.keys() - changed.keys()),
        parts(again, again.places.keys() - found.places.keys()),
        parts(found, changed),
        ahead(ws, provider, tariff, ledger, found.sampled, asked.correction),
        sum(receipt.requests for receipt in ledger if not receipt.unstarted),
        committed(ledger.paid(), tariff),
        any(not exactly(receipt, tariff.price(receipt.model)) for receipt in ledger if receipt.begun),
        [receipt for receipt in ledger if receipt.begun and not receipt.ref],
        asked,
    )


def _part(
    ledger: Ledger,
    provider: Provider,
    kind: Kind,
    places: list[int],
    asked: Asked,
    tariff: Tariff,
    context: int | None,
) -> Part:
    """The requests at these places, counted; as many shards as `submit` would cut, were there none yet."""
    model = kind.model
    limits, window = asked.bounds.limits(provider, model), size(provider, model, context)
    part = Part(*kind, tariff.price(model), limits, tokenizer(model), calibration(ledger, kind))
    cutter = Cutter(level(limits, len(places), provider.name))
    for one in counted(ledger, provider, model, places):
        part.add(provider.custom_id(one.line), one, window)
        part.shards = cutter.number(one) + 1
    return part


def summed(parts: list[Part]) -> Estimate:
    return sum((part.estimate for part in parts), Estimate())
