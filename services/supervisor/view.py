"""From the process table and what Redis says to what is shown."""

import os
import time
from pathlib import Path
from typing import Final, NamedTuple

from services.supervisor.launch import REDIS
from services.supervisor.observer import Observer
from services.supervisor.plan import Plan, Slot, State
from services.supervisor.processes import Processes
from services.supervisor.screen import Row, View
from shared import topology
from shared.records import Health
from shared.stack import Stack, without_password

NOTE_LENGTH: Final = 80


class Hints(NamedTuple):
    """Where things are.

    Attributes:
        dashboard: URL of the page.
        redis: URL, perhaps with a password.
        run_dir: sockets, lock and logs.
        login: how to get in there.
    """

    dashboard: str
    redis: str
    run_dir: Path
    login: str = "no login: only this machine reaches it"

    def texts(self) -> dict[str, str]:
        """Return what to tell the user, by heading."""
        socket = self.redis.removeprefix("unix://").partition("?")[0]
        cli = f"redis-cli -s {socket}" if self.redis.startswith("unix://") else without_password(self.redis)
        return {
            "dashboard": f"{self.dashboard} ({self.login})",
            "redis": cli,
            "logs": f"{self.run_dir / 'logs'}",
        }

    def record(self) -> Stack:
        """Return what other commands read."""
        return Stack(os.getpid(), without_password(self.redis), self.dashboard, time.time_ns())


def build_view(plan: Plan, processes: Processes, observer: Observer, hints: Hints, now: float) -> View:
    """Return what to show at this (monotonic) time."""
    rows = [_row(slot, processes, observer, now) for slot in plan.slots.values()]
    return View(rows, observer.cameras, hints.texts())


def _row(slot: Slot, processes: Processes, observer: Observer, now: float) -> Row:
    pid = processes.pid(slot.instance)
    sign = observer.health.get(slot.instance)
    if sign and sign.pid != pid:
        sign = None  # of the process before this one
    return Row(
        service=slot.service,
        instance=slot.instance,
        pid=pid,
        state=_state(slot, sign),
        rate=_rate(slot, sign, observer),
        metrics_port=sign.metrics_port if sign else None,
        note=_note(slot, sign, processes, now),
    )


def _state(slot: Slot, sign: Health | None) -> str:
    if slot.state is State.WAITING:
        return "restarting" if slot.restarts else "starting"
    if slot.state is State.STOPPING:
        return "stopping"
    if slot.service == REDIS:
        return "working"
    return sign.state if sign else "starting"


def _rate(slot: Slot, sign: Health | None, observer: Observer) -> str:
    if slot.service == topology.CAPTURE.name:
        return f"{sum(camera.fps for camera in observer.cameras.values() if camera):.1f}/s"
    rate = sign.facts.get("jobs_per_second") if sign else None
    return "" if rate is None else f"{rate:.1f}/s"


def _note(slot: Slot, sign: Health | None, processes: Processes, now: float) -> str:
    """Return why it keeps ending, else what the process itself advises."""
    if slot.state is State.WAITING:
        last = "".join(processes.tail(slot.instance, 1))
        return f"in {max(0.0, slot.due - now):.0f} s; {last}"[:NOTE_LENGTH]
    return str(sign.facts.get("remedy", "")) if sign else ""
