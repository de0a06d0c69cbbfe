"""Starts a recorder: `python -m services.recorder --instance NAME [--config FILE]`."""

import time

from shared.service import Context, serve
from shared.topology import RECORDER
from shared.work import Service


def build(context: Context) -> Service:
    """Return the recorder's service, with its metrics and health facts wired up."""
    from services.recorder.observer import Observer
    from services.recorder.service import RecorderService
    from services.recorder.traces import Tracer

    def wall_ns() -> int:
        return time.time_ns() + context.offset_ns()

    settings = context.settings
    tracer = None
    if settings.otel.endpoint:
        tracer = Tracer(settings.otel, context.instance, settings.metrics.objective)
    service = RecorderService(settings, context.store.cursor, wall_ns)
    observer = Observer(service.confirmed, wall_ns, tracer)
    context.observe = observer.observe
    context.chores.append(lambda: context.health.update(service.facts))
    context.chores.append(lambda: observer.audit(context.store.books))
    context.chores.append(lambda: observer.forget(context.store.cameras()))
    return service


if __name__ == "__main__":
    serve(
        "recorder",
        build,
        batch_size=lambda settings: RECORDER.window,
        batch_wait_seconds=lambda settings: settings.recorder.batch_wait,
    )
