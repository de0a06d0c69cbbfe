"""Starts the processes of a stack, keeps as many as are wanted, shows them, and stops them in order."""

import time
from typing import Final

from services.supervisor import launch
from services.supervisor.embedded_redis import READY_SECONDS, SOCKET, wait_until_ready
from services.supervisor.launch import REDIS, Launcher
from services.supervisor.observer import Observer
from services.supervisor.plan import Action, Plan, Start, Terminate, instance_name
from services.supervisor.processes import Ended, Processes
from services.supervisor.screen import Screen
from services.supervisor.signals import StopSignals
from services.supervisor.view import Hints, build_view
from shared import demo
from shared.config import Settings
from shared.errors import StackError, StoreError, StoreLoadingError
from shared.stack import write_record
from shared.store import Store
from shared.tokens import how_to_log_in
from shared.worker_counts import COUNTED

TICK_SECONDS: Final = 0.2
STOPPING_TICK_SECONDS: Final = 0.02
POLL_SECONDS: Final = 1.0
POLL_AGAIN_SECONDS: Final = 2.0
"""While Redis is away: each attempt may hold up restarts by a second."""
SHOW_SECONDS: Final = 1.0
LOG_CHECK_SECONDS: Final = 5.0
REDIS_SECONDS: Final = 5.0
"""How long the user's own Redis may take to answer at the start."""
LAST_LINES: Final = 5
REDIS_INSTANCE: Final = instance_name(REDIS, 1)


class Supervisor:
    """Runs one stack.

    Args:
        settings: the tree, with Redis URL and dashboard port settled.
        use_demo: read the demo cameras when there are no others.
        launcher: knows how to start each process.
        processes: none yet.
        signals: what asks us to stop.
        screen: where to show what happens.
    """

    def __init__(
        self,
        settings: Settings,
        use_demo: bool,
        launcher: Launcher,
        processes: Processes,
        signals: StopSignals,
        screen: Screen,
    ) -> None:
        self._settings, self._use_demo, self._launcher = settings, use_demo, launcher
        self._processes, self._signals, self._screen = processes, signals, screen
        self._plan = Plan(launch.stages())
        self._store = Store(settings.redis, settings.run_dir)
        self._observer = Observer(self._store)
        url = launch.dashboard_url(settings.dashboard)
        self._hints = Hints(url, settings.redis.url, settings.run_dir, how_to_log_in(settings.dashboard))
        self._poll_at = self._show_at = self._check_logs_at = 0.0
        self._complaint = ""
        self._forced = False

    def run(self) -> None:
        """Run until asked to stop; then, and whatever goes wrong, stop everything."""
        try:
            if self._start_redis():
                self._announce()
                self._supervise()
        finally:
            self._stop()

    # --- start ----------------------------------------------------------------------------------

    def _start_redis(self) -> bool:
        """Have Redis answer; False if asked to stop meanwhile."""
        if not self._launcher.embeds_redis:
            return self._wait_for_redis()
        self._plan.want(REDIS, 1)
        self._work(time.monotonic())
        if wait_until_ready(self._settings.run_dir / SOCKET, self._redis_may_come) and self._wait_for_redis():
            return True
        if self._signals.count:
            return False
        last = self._processes.tail(REDIS_INSTANCE, 1) or ["no word"]
        raise StackError(f"the embedded Redis server ended before it was ready: {last[0]}")

    def _redis_may_come(self) -> bool:
        ours_runs = not self._launcher.embeds_redis or self._processes.is_running(REDIS_INSTANCE)
        return not self._signals.count and ours_runs

    def _wait_for_redis(self) -> bool:
        """Wait until Redis answers, the embedded one also while it reads its data; False: it won't come."""
        patience = READY_SECONDS if self._launcher.embeds_redis else REDIS_SECONDS
        until = time.monotonic() + patience
        while self._redis_may_come():
            try:
                self._store.ping()
            except StoreError as error:
                if isinstance(error, StoreLoadingError) and self._launcher.embeds_redis:
                    self._complain(str(error))
                    until = time.monotonic() + patience
                elif time.monotonic() > until:
                    raise
                time.sleep(TICK_SECONDS)
            else:
                return True
        return False

    def _announce(self) -> None:
        """Say what is wanted, where other commands find it, and begin."""
        self._want_cameras()
        scale = self._settings.scale
        chosen = scale.model_fields_set & COUNTED.keys()
        if chosen:
            self._store.set_wanted(**{name: getattr(scale, name) for name in chosen})
        write_record(self._settings.run_dir, self._hints.record())

    def _want_cameras(self) -> None:
        cameras = demo.declare_cameras(self._store, self._settings.cameras, None, self._use_demo)
        if cameras:
            self._screen.note(f"No camera is configured: reading the demo cameras {', '.join(cameras)}.")
            return
        if self._store.cameras():
            return
        if self._use_demo:
            self._screen.note(
                f"No camera is configured, and no demo media are installed ({demo.HOW_TO_GET})."
            )
        self._screen.note("Add a camera with: mien camera add NAME SOURCE")

    # --- run ------------------------------------------------------------------------------------

    def _supervise(self) -> None:
        while not self._signals.count:
            now = time.monotonic()
            if now >= self._poll_at:
                self._poll(now)
            self._work(now)
            if now >= self._check_logs_at:
                self._processes.bound_logs()
                self._check_logs_at = now + LOG_CHECK_SECONDS
            self._show(now)
            time.sleep(TICK_SECONDS)

    def _work(self, now: float) -> None:
        for ended in self._processes.reap():
            self._note_end(ended, now)
        for action in self._plan.tick(now):
            self._act(action, now)

    def _act(self, action: Action, now: float) -> None:
        if isinstance(action, Start):
            try:
                self._processes.start(
                    action.instance, self._launcher.command(action.service, action.instance)
                )
            except OSError as error:
                self._screen.note(f"can't start {action.instance}: {error.strerror}")
                self._plan.exited(action.instance, now)
        elif isinstance(action, Terminate):
            self._processes.terminate(action.instance)
        else:
            self._screen.note(f"{action.instance} did not end in time: killed")
            self._processes.kill(action.instance)

    def _note_end(self, ended: Ended, now: float) -> None:
        if not self._plan.exited(ended.instance, now):
            return
        delay = self._plan.slots[ended.instance].due - now
        self._screen.note(f"{ended.instance} {ended.how}; it starts again in {delay:.1f} s. Its last words:")
        for line in self._processes.tail(ended.instance, LAST_LINES):
            self._screen.note(f"    {line}")

    def _poll(self, now: float) -> None:
        """Follow what is wanted; keep what there is while Redis is away."""
        known_result = self._observer.first_result
        try:
            self._observer.poll()
        except StoreError as error:
            self._complain(str(error))
            self._poll_at = time.monotonic() + POLL_AGAIN_SECONDS
        else:
            self._complain("")
            self._poll_at = now + POLL_SECONDS
        for service, count in launch.counts(self._settings, self._observer.wanted).items():
            self._plan.want(service, count)
        if self._observer.first_result and not known_result:
            camera, seconds = self._observer.first_result
            self._screen.note(f"First result after {seconds:.1f} s, from camera {camera}.")

    def _complain(self, text: str) -> None:
        if text and text != self._complaint:
            self._screen.note(text)
        self._complaint = text

    def _show(self, now: float) -> None:
        if now >= self._show_at:
            self._show_at = now + SHOW_SECONDS
            self._screen.show(build_view(self._plan, self._processes, self._observer, self._hints, now))

    # --- stop -----------------------------------------------------------------------------------

    def _stop(self) -> None:
        """Stop everything in order; a second signal ends it at once."""
        asked = self._signals.count
        self._screen.note("Stopping.")
        self._plan.stop(time.monotonic())
        while not self._plan.over:
            if self._signals.count > asked and not self._forced:
                self._force()
            self._work(time.monotonic())
            time.sleep(STOPPING_TICK_SECONDS)
        self._store.close()
        self._show(self._show_at)

    def _force(self) -> None:
        self._forced = True
        for slot in self._plan.slots.values():
            self._processes.kill(slot.instance)
