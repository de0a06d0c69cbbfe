"""A detector that crashes on every frame 66 pixels wide, in the product's own loop."""

import os
from collections.abc import Iterator, Sequence

from services.detector.service import DetectorService
from shared.service import Context, serve
from shared.work import Out, Service, Work

POISON_WIDTH = 66


class CrashingDetector(DetectorService):
    """Dies as a C library would: at once, in the middle of a step."""

    def step(self, work: Sequence[Work], now: float) -> Iterator[Out]:
        if any(getattr(job.message.header, "width", 0) == POISON_WIDTH for job in work):
            os.abort()
        yield from super().step(work, now)


def build(context: Context) -> Service:
    return CrashingDetector(context.settings.detector)


if __name__ == "__main__":
    serve("detector", build)
