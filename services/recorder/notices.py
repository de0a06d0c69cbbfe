"""What a recorder is told of a camera, and what each notice says of single frames."""

from collections.abc import Iterator

from shared.messages import End, Gone, Outcome, Result, Seen
from shared.records import Span

Notice = Result | Gone | Seen | End


def first_of(notice: Notice) -> int:
    """Return the lowest sequence number that a notice speaks of."""
    if isinstance(notice, Result):
        return notice.sequence
    return notice.first if isinstance(notice, Gone) else notice.captured


def last_of(notice: Notice) -> int:
    """Return the highest sequence number that a notice speaks of."""
    return notice.last if isinstance(notice, Gone) else first_of(notice)


def late_spans(notice: Notice) -> Iterator[Span]:
    """Give what a notice says of frames whose run was left: a result of it comes too late."""
    if isinstance(notice, Result):
        yield Span(notice.sequence, notice.sequence, Outcome.LATE)
    elif isinstance(notice, Gone):
        yield Span(notice.first, notice.last, notice.reason)
    elif isinstance(notice, End) and notice.sent < notice.captured:
        yield Span(notice.sent + 1, notice.captured, Outcome.OVERTAKEN)
