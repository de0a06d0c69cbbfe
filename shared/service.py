"""A worker process from its command line to its end; what runs in it is in shared/loop.py."""

import argparse
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared import log, metrics, process, topology
from shared.beats import Beats
from shared.bus import Client
from shared.config import Settings, load_settings
from shared.errors import MienError
from shared.loop import Loop
from shared.messages import SCHEMA, Hello
from shared.pulse import Pulse
from shared.store import Applied, Entry, Store
from shared.work import Service

logger = logging.getLogger(__name__)


@dataclass
class Context:
    """What a service may know of its process.

    Attributes:
        settings: the whole tree.
        instance: this process's name, such as `detector-1`.
        store: Redis; every call may raise StoreError.
        pulse: what `/healthz` answers; a service that waits before its loop runs keeps it turning.
        chores: called once a second from the beat thread.
        health: facts for the health key beside the loop's own.
        gpu: UUID of the claimed GPU, None for CPU.
        offset_ns: returns the broker's wall clock minus this host's, in ns.
        observe: called with each entry that Redis has confirmed and what it changed (for metrics).
    """

    settings: Settings
    instance: str
    store: Store
    pulse: Pulse
    chores: list[Callable[[], None]] = field(default_factory=list)
    health: dict[str, Any] = field(default_factory=dict)
    gpu: str | None = None
    offset_ns: Callable[[], int] = lambda: 0
    observe: Callable[[Entry, Applied], None] = lambda entry, applied: None


def serve(
    name: str,
    build: Callable[[Context], Service],
    batch_size: Callable[[Settings], int] = lambda settings: 1,
    batch_wait_seconds: Callable[[Settings], float] = lambda settings: 0.0,
    threads: Callable[[Settings], int] = lambda settings: 1,
) -> None:
    """Run a worker process to its end: read settings, warm up, say HELLO, work, drain.

    Args:
        name: the service, as in the topology.
        build: makes the service; it imports the service's own module, after the threads are settled.
        batch_size: jobs in a step at most, from the settings.
        batch_wait_seconds: longest wait for a fuller batch.
        threads: of OpenMP and OpenCV.
    """
    instance, settings = start_process(name)
    process.prepare(threads(settings))
    try:
        _serve(
            topology.SERVICES[name],
            instance,
            settings,
            build,
            batch_size(settings),
            batch_wait_seconds(settings),
        )
    except MienError as error:
        logger.error("%s", error)
        sys.exit(error.exit_code)


def start_process(name: str) -> tuple[str, Settings]:
    """Parse the command line that all services share; return (instance, settings) with logging set up."""
    parser = argparse.ArgumentParser(
        prog=f"python -m services.{name}", description=f"The {name} service of Mien."
    )
    parser.add_argument("--instance", default=f"{name}-{os.uname().nodename}", help="this process's name")
    parser.add_argument("--config", type=Path, help="settings file")
    arguments = parser.parse_args()
    try:
        settings = load_settings(arguments.config)
    except MienError as error:
        print(f"mien {name}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    log.setup(settings.log, name, arguments.instance)
    return arguments.instance, settings


def _serve(
    kind: topology.Service,
    instance: str,
    settings: Settings,
    build: Callable[[Context], Service],
    batch_size: int,
    batch_wait_seconds: float,
) -> None:
    store = Store(settings.redis, settings.run_dir)
    pulse = Pulse(kind.name, instance)
    port = metrics.start_server(settings.metrics, kind.metrics_port, pulse.answer)
    context = Context(settings, instance, store, pulse)
    service = build(context)
    client = Client(settings.bus, _hello(kind, instance, settings), on_invalid=_count_invalid(kind.name))
    beats = Beats(
        settings,
        kind.name,
        instance,
        store,
        facts=lambda: {"redis_down": loop.redis_down},
        health=lambda: _health(loop, client, context),
        chores=context.chores,
        on_who=client.forget_broker,
        metrics_port=port,
    )
    context.offset_ns = lambda: beats.offset_ns
    loop = Loop(kind, service, client, beats, batch_size, batch_wait_seconds, store, context.observe)
    loop.on_turn = pulse.turn
    signal.signal(signal.SIGTERM, lambda *_: loop.stop())
    service.warm_up()
    gc.collect()
    gc.freeze()  # what was loaded stays: no collection needs to look at it again
    pulse.state = lambda: _state(loop, client)
    beats.start()
    loop.run()
    beats.stop()
    client.close()


def _hello(kind: topology.Service, instance: str, settings: Settings) -> Hello:
    window = settings.batch.size if kind is topology.CLASSIFIER else kind.window
    return Hello(
        service=kind.name,
        instance=instance,
        schema=SCHEMA,
        window=window,
        host=process.host_id(),
        pid=os.getpid(),
    )


def _count_invalid(service: str) -> Callable[[str], None]:
    return lambda kind: metrics.INVALID.labels(service=service, kind="broker").inc()


def _health(loop: Loop, client: Client, context: Context) -> tuple[str, Mapping[str, Any]]:
    loop.rates.refresh()
    return _state(loop, client), {**loop.rates.facts, **context.health}


def _state(loop: Loop, client: Client) -> str:
    if loop.redis_down:
        return "waiting for redis"
    return "working" if client.ready else "waiting for broker"
