"""`mien up` from beginning to end: hold run directory and data, run the stack, leave nothing behind."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from services.supervisor import launch
from services.supervisor.embedded_redis import SOCKET, locked_data
from services.supervisor.launch import Data, Launcher
from services.supervisor.processes import Processes
from services.supervisor.run_directory import RunDirectory
from services.supervisor.screen import open_screen
from services.supervisor.signals import StopSignals
from services.supervisor.supervisor import Supervisor
from shared.config import Settings
from shared.gpus import list_gpus
from shared.paths import expanded
from shared.tokens import check_exposure, read_tokens


@dataclass(frozen=True)
class Options:
    """What `mien up` was told beyond the settings.

    Attributes:
        flags: settings given on the command line, nested; the processes get them too.
        use_demo: read the demo cameras when there are no others.
        ephemeral: the embedded server's data goes when it stops (while it runs, a server that dies finds it).
    """

    flags: dict[str, Any]
    use_demo: bool = True
    ephemeral: bool = False


def run_stack(settings: Settings, options: Options) -> None:
    """Run the stack until SIGINT, SIGTERM or SIGHUP; afterwards nothing of it is left.

    Raises:
        MienError: it could not be started; what had been started is stopped again.
    """
    launch.check_gpus(settings.scale.gpus, list_gpus())
    check_exposure(settings.dashboard, read_tokens(settings.dashboard))
    port = launch.dashboard_port(settings.dashboard)
    with ExitStack() as held:
        signals = held.enter_context(StopSignals())
        directory = held.enter_context(RunDirectory(settings.run_dir))
        data = None if settings.redis.url else _hold_data(held, settings, options, directory)
        settings = _settled(settings, port)
        screen = open_screen()
        held.callback(screen.close)
        launcher = Launcher(settings, options.flags, data)
        processes = Processes(directory.logs)
        Supervisor(settings, options.use_demo, launcher, processes, signals, screen).run()


def _hold_data(held: ExitStack, settings: Settings, options: Options, directory: RunDirectory) -> Data:
    kept = expanded(settings.redis.data_dir).absolute()
    folder = directory.data if options.ephemeral else kept
    return Data(folder, held.enter_context(locked_data(folder)))


def _settled(settings: Settings, port: int) -> Settings:
    """Return the settings with what only the start decides: where Redis is, and the dashboard's port."""
    url = settings.redis.url or f"unix://{settings.run_dir / SOCKET}"
    redis = settings.redis.model_copy(update={"url": url})
    dashboard = settings.dashboard.model_copy(update={"port": port})
    return settings.model_copy(update={"redis": redis, "dashboard": dashboard})
