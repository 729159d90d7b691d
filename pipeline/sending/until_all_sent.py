"""Submit; with `wait`, again and again as jobs end and make room, until all is sent, later rounds too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipeline.base.lock import lock
from pipeline.batch.saved_prompts import load
from pipeline.errors import Busy, DoubtError, UnfinishedError
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.wait import Watch
from pipeline.results.collect import collect
from pipeline.sending.confirm import Ask
from pipeline.sending.submit import submit
from pipeline.sending.submit_options import Asked


def sendall(
    watch: Watch, asked: Asked, *, wait: bool = False, new_jobs: bool = True, ask: Ask | None = None
) -> dict[str, Any]:
    """What `submit` returns, `sent_now` being all that this call sent. A person is asked once.

    The lock is held only to look and to send. With `wait`, what another command or the service is in the way of is
    waited for too; whatever else `submit` raises ends it.
    """
    ws, before, quiet = watch.ws, _sent(watch), 0
    asked = replace(asked, until=Ledger(ws).next_number())  # what fails later is for another command to retry
    while True:
        try:
            with lock(ws.lock, "submit"):
                done = submit(
                    ws, watch.provider, asked, new_jobs=new_jobs, tariff=watch.tariff, settle=watch.settle,
                    clock=watch.clock, say=watch.say, ask=ask,
                )  # fmt: skip
            asked, quiet = replace(asked, yes=True, again="", repeat=False), 0
            if wait and new_jobs and done["waiting"]:
                watch.until_one_ends()
            elif not (wait and _next_round(watch)):
                return done | {"sent_now": _sent(watch) - before}
        except (Busy, UnfinishedError) as error:
            if not wait or isinstance(error, DoubtError):
                raise
            asked = replace(asked, again="", repeat=False)  # what waits does not pay again by itself
            watch.once(str(error))
            quiet += 1
            watch.pause(quiet)


def _next_round(watch: Watch) -> bool:
    """Whether the answers that came, once all are there, are to be combined by requests that are not sent yet."""
    if not any(prompt.long == "split" for prompt in load(watch.ws)):
        return False
    combining = collect(watch, wait=True)["combining"]
    watch.ws.results.unlink()  # `make results` writes it again, and tells what came
    return combining > 0


def _sent(watch: Watch) -> int:
    """Requests in jobs that this run started; one that was taken over has no intent."""
    return sum(receipt.requests for receipt in Ledger(watch.ws) if receipt.ref and receipt.intent)
