"""`mien status`: cameras, workers, queues, latency and ledger of a running stack."""

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from services.cli.connection import (
    ConfigOption,
    JsonOption,
    RedisOption,
    RunDirOption,
    connect_to,
    console,
    load,
)
from shared.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType
    from rich.table import Table

    from shared.status import Status

WATCH_SECONDS: Final = 1.0


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on every second, until Ctrl-C.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    redis: RedisOption = None,
    run_dir: RunDirOption = None,
) -> None:
    """Show how the stack does: each camera's rate, latency and ledger, the workers, the queues.

    Latency is from capture to confirmed in Redis, over the last two minutes. The ledger accounts for each
    captured frame: captured = recorded + dropped (by reason) + in flight.
    """
    from shared.stack import is_supervised
    from shared.status import read_status

    settings = load(config, redis, run_dir)
    store = connect_to(settings)

    def read() -> "Status":
        return read_status(store, supervised=is_supervised(settings.run_dir))

    if as_json:
        _print_json(read, watch)
    else:
        _print_tables(read, watch)


def _print_json(read: "Callable[[], Status]", watch: bool) -> None:
    import msgspec

    print(msgspec.json.encode(read()).decode(), flush=True)
    while watch:
        time.sleep(WATCH_SECONDS)
        print(msgspec.json.encode(read()).decode(), flush=True)


def _print_tables(read: "Callable[[], Status]", watch: bool) -> None:
    from rich.live import Live

    if not watch:
        console().print(render(read()))
        return
    with Live(render(read()), console=console(), auto_refresh=False) as live:
        while True:
            time.sleep(WATCH_SECONDS)
            try:
                live.update(render(read()), refresh=True)
            except StoreError as error:
                live.update(str(error), refresh=True)


def render(status: "Status") -> "RenderableType":
    """Return the status as tables."""
    from rich.console import Group
    from rich.text import Text

    remedies = [Text(f"! {text}", "yellow") for text in status.remedies]
    return Group(_cameras(status), "", _ledger(status), "", _workers(status), "", _queues(status), *remedies)


def _table(*headings: str) -> "Table":
    """Headings that start with `>` are of columns set to the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading.removeprefix(">"), justify="right" if heading[0] == ">" else "left")
    return table


def _cameras(status: "Status") -> "Table":
    from rich.text import Text

    table = _table("camera", "state", ">fps", ">recorded/s", ">faces/s", ">p50 ms", ">p95 ms", "note")
    for camera in status.cameras:
        table.add_row(
            camera.camera,
            camera.state,
            f"{camera.captured_per_second:.1f}",
            f"{camera.recorded_per_second:.1f}",
            f"{camera.faces_per_second:.1f}",
            _milliseconds(camera.latency.p50_ms),
            _milliseconds(camera.latency.p95_ms),
            Text(camera.detail),
        )
    return table


def _ledger(status: "Status") -> "Table":
    table = _table("ledger", ">captured", ">recorded", ">in flight", ">dropped", "for what reason")
    ledgers = {camera.camera: camera.ledger for camera in status.cameras}
    for name, ledger in {**ledgers, "all": status.ledger}.items():
        reasons = ", ".join(f"{count} {reason}" for reason, count in ledger.dropped.items())
        counts = (ledger.captured, ledger.recorded, ledger.in_flight, sum(ledger.dropped.values()))
        table.add_row(name, *map(str, counts), reasons)
    return table


def _workers(status: "Status") -> "Table":
    from rich.text import Text

    table = _table("instance", "host", ">pid", "state", ">jobs/s", ">ms/job", ">busy", ">metrics")
    for worker in status.workers:
        seconds, busy = worker.seconds_per_job, worker.busy
        table.add_row(
            worker.instance,
            Text(worker.host),
            str(worker.pid),
            worker.state,
            "" if worker.jobs_per_second is None else f"{worker.jobs_per_second:.1f}",
            "" if seconds is None else f"{1000 * seconds:.1f}",
            "" if busy is None else f"{100 * busy:.0f} %",
            str(worker.metrics_port or ""),
        )
    return table


def _queues(status: "Status") -> "Table":
    table = _table("queue", ">waiting", ">oldest s", ">arrivals/s")
    for queue in status.queues:
        oldest, arrivals = f"{queue.oldest_seconds:.2f}", f"{queue.arrivals_per_second:.1f}"
        table.add_row(queue.queue, str(queue.depth), oldest, arrivals)
    return table


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
