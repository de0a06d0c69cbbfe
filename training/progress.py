"""Shows on a terminal that something goes on, where it takes more than two seconds; gone when it is done."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def bar(items: Sequence[T], what: str) -> Iterable[T]:
    """Give the items, with a bar of how many there were. One bar or spinner at a time."""
    console = Console(stderr=True)
    return track(items, what, console=console, transient=True) if console.is_terminal else items


def doing(what: str) -> AbstractContextManager[object]:
    """Show a spinner while the context lasts, where there is nothing to count."""
    console = Console(stderr=True)
    return console.status(what) if console.is_terminal else nullcontext()
