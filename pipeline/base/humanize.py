"""Small words for messages."""


def many(count: int, noun: str) -> str:
    """`1 job`, `1,200 jobs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def elapsed(seconds: float) -> str:
    """1:02:03"""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"


def age(seconds: float) -> str:
    """`4 min`, `3 h`, `12 days`: how long ago, in one unit."""
    for length, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length or (unit == "min" and seconds >= length):
            return f"{int(seconds // length)} {unit}"
    return "now"


def span(start: float | None, end: float | None) -> str:
    """`, 0:41:10 to 1:02:33`; nothing where there are no times."""
    return "" if start is None or end is None else f", {elapsed(max(start, 0))} to {elapsed(max(end, 0))}"


def dollars(amount: float) -> str:
    """`$1,234.50`; `$0.0042`, where cents say nothing."""
    if 0 < amount < 0.0001:
        return "less than $0.0001"
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:.4f}"
