"""The signals that ask the whole stack to stop."""

import signal
from types import FrameType, TracebackType
from typing import Final, Self

STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """Counts requests to stop while it is entered; the handlers of before come back afterwards."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in STOPPING:
            if signal.getsignal(number) is signal.SIG_IGN and number == signal.SIGHUP:
                continue  # started by nohup
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave back

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
