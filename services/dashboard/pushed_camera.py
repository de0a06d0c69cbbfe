"""The process that takes a browser camera's pictures to the broker, as the dashboard holds it."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from typing import Final, Self

import msgspec

from shared import metrics
from shared.capture_link import LENGTH_BYTES, Report, ReportReader, Task, child_command, encode_line
from shared.config import CameraSettings, Settings
from shared.errors import StoreError
from shared.records import CameraState
from shared.store import HEALTH_SECONDS, TIDY_SECONDS, Store

STOP_SECONDS: Final = 2.0
"""For the process to say END and go; then it is killed."""
PUBLISH_SECONDS: Final = 1.0
LOST_SECONDS: Final = TIDY_SECONDS
"""Nobody repeats that a camera is lost: said once, it is kept for as long as cameras are surely listed."""


class PushedCamera:
    """Capture's own process for one camera, fed with pictures instead of opening a source."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._pictures, self._reports = process, process.stdin, process.stdout

    @classmethod
    async def start(
        cls, name: str, camera: CameraSettings, settings: Settings, instance: str, after_run: int
    ) -> Self:
        """Start the process; the camera's run will be later than `after_run`."""
        pipe = asyncio.subprocess.PIPE
        command = child_command(name, instance, settings.config)
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        started = cls(process)
        text = camera.model_dump_json(exclude_defaults=True)
        started._pictures.write(
            encode_line(Task(camera=name, settings=text, after_run=after_run, parent=os.getpid()))
        )
        return started

    async def push(self, jpeg: bytes) -> None:
        """Hand over a picture; waits while the process does not keep up.

        Raises:
            ConnectionError: the process has ended.
        """
        self._pictures.write(len(jpeg).to_bytes(LENGTH_BYTES, "big"))
        self._pictures.write(jpeg)
        await self._pictures.drain()

    async def reports(self) -> AsyncIterator[Report]:
        """Give what the process says, to its end."""
        reader = ReportReader()
        async for line in self._reports:
            for report in reader.feed(line):
                yield report

    async def stop(self) -> None:
        """Have it say END and go."""
        self._pictures.close()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
        finally:  # also when this is cancelled
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()


class StateKeeper:
    """Publishes how the camera does, once it is live; before that it belongs to whoever else may send it.

    Args:
        name: of the camera.
        before: the state that was known when this sender came.
        store: where states go; while it is away nothing is published.
        instance: this dashboard.
    """

    def __init__(self, name: str, before: CameraState | None, store: Store, instance: str) -> None:
        self._name, self._store, self._instance = name, store, instance
        self._reconnects = before.reconnects + 1 if before else 0
        self._last: Report | None = None
        self._live_since_ns, self._published_at = 0, 0.0

    async def hear(self, report: Report) -> None:
        """Take note of a report and publish it if it is time."""
        if report.state != "live":
            return
        if self._last is None:
            self._live_since_ns = time.time_ns()
            metrics.CAMERA_UP.labels(camera=self._name).set(1)
        self._last = report
        if time.monotonic() - self._published_at >= PUBLISH_SECONDS:
            self._published_at = time.monotonic()
            await self._publish(report, self._live_since_ns)

    async def lose(self, why: str) -> None:
        """Publish that a camera that was live is so no more."""
        if self._last is None:
            return
        metrics.CAMERA_UP.labels(camera=self._name).set(0)
        await self._publish(
            msgspec.structs.replace(self._last, state="lost", detail=why, fps=0.0), time.time_ns()
        )

    async def _publish(self, report: Report, since_ns: int) -> None:
        state = CameraState(
            camera=self._name,
            state=report.state,
            since_ns=since_ns,
            detail=report.detail,
            width=report.width,
            height=report.height,
            fps=report.fps,
            reconnects=self._reconnects,
            captured=report.captured,
            run=report.run,
            instance=self._instance,
        )
        seconds = LOST_SECONDS if report.state == "lost" else HEALTH_SECONDS
        with contextlib.suppress(StoreError):
            await asyncio.to_thread(self._store.publish_cameras, [state], seconds)
