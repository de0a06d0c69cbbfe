"""The process that reads one opening of one camera; started by capture's parent."""

import argparse
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from shared import frame_memory, log, process, topology
from shared.beats import Beats
from shared.bus import Client
from shared.capture_link import Report, Task, encode_line
from shared.config import Settings, load_settings
from shared.errors import MienError, StoreError
from shared.messages import SCHEMA, Encoding, Hello
from shared.store import Store

logger = logging.getLogger(__name__)


def main() -> None:
    """Read the task, then the camera; exit code 0 at its end, 2 when it is lost or can't be opened."""
    process.die_with_parent()
    process.silence_native_errors()
    process.keep_stdout()
    parser = argparse.ArgumentParser(prog="python -m services.capture.child")
    parser.add_argument("--instance", required=True)
    parser.add_argument("--config", type=Path)
    arguments = parser.parse_args()
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    if os.getppid() != task.parent:
        return
    try:
        settings = load_settings(arguments.config)
        log.setup(settings.log, "capture", arguments.instance)
        process.prepare(threads=1)
        _read(task, arguments.instance, settings)
    except MienError as error:
        _report(Report(state="lost", detail=str(error)))
        sys.exit(error.exit_code)


def _report(report: Report) -> None:
    try:
        os.write(sys.stdout.fileno(), encode_line(report))
    except BrokenPipeError:
        sys.exit("capture has gone")


def _read(task: Task, instance: str, settings: Settings) -> None:
    # OpenCV must not be imported before the threads are settled.
    from services.capture.loop import ReadLoop, Shot
    from services.capture.sources import open_source
    from services.capture.window import Window
    from shared.vision.areas import scope_of

    camera = task.camera_settings()
    _report(Report(state="connecting"))
    source = open_source(camera, settings.capture)
    store = Store(settings.redis, settings.run_dir)
    run = next_run(task, store)
    size = window_size(settings, source.live)
    window: Window[Shot] = Window(size, source.live)
    hello = _hello(task, instance, run, size, source.live)
    client = Client(settings.bus, hello, on_welcome=window.reset)
    beats = _beats(settings, hello, client, store, lambda: window.captured)
    loop = ReadLoop(
        camera=task.camera,
        run=run,
        source=source,
        fps=camera.fps,
        bus=client,
        window=window,
        encode_as=frame_encoding(settings, source.live),
        jpeg_quality=settings.capture.jpeg_quality,
        offset_ns=lambda: beats.offset_ns,
        report=_report,
        every=camera.detect_every,
        scope=scope_of(camera),
        patience_seconds=settings.capture.read_timeout,
    )
    signal.signal(signal.SIGTERM, lambda *_: loop.stop())
    beats.start()
    try:
        loop.run()
    finally:
        beats.stop()
        client.close()
        source.close()


def next_run(task: Task, store: Store) -> int:
    """Return the new run: the time in ms, but later than the last one, whatever clock named that."""
    recorded = 0
    with contextlib.suppress(StoreError):  # the clock is right as a rule; if not, the recorder will say so
        recorded = store.cursor(task.camera).run
    return max(time.time_ns() // 1_000_000, task.after_run + 1, recorded + 1)


def _hello(task: Task, instance: str, run: int, window: int, live: bool) -> Hello:
    return Hello(
        service="capture",
        instance=instance,
        schema=SCHEMA,
        window=window,
        host=process.host_id(),
        pid=os.getpid(),
        camera=task.camera,
        run=run,
        live=live,
    )


def _beats(
    settings: Settings, hello: Hello, client: Client, store: Store, captured: Callable[[], int]
) -> Beats:
    return Beats(
        settings,
        hello.service,
        hello.instance,
        store,
        facts=lambda: {"captured": captured()},
        health=lambda: ("working" if client.ready else "waiting for broker", {"camera": hello.camera}),
        on_who=client.forget_broker,
    )


def window_size(settings: Settings, live: bool) -> int:
    """Return how many frames may be unacknowledged: more where an acknowledgement takes a round trip."""
    if not live:
        return topology.RECORDED_WINDOW
    return topology.LIVE_WINDOW if settings.bus.work.startswith("ipc://") else topology.LIVE_WINDOW_REMOTE


def frame_encoding(settings: Settings, live: bool) -> Encoding:
    """Return how frames travel: as set; else by shared memory, raw or JPEG, the cheapest that goes.

    A recorded source's frames may be unacknowledged in any order, so no slot of a ring is ever safe.
    """
    if settings.capture.encoding != "auto":
        return Encoding(settings.capture.encoding)
    if not settings.bus.work.startswith("ipc://"):
        return Encoding.JPEG
    return Encoding.SHARED if live and frame_memory.is_supported() else Encoding.BGR


if __name__ == "__main__":
    main()
