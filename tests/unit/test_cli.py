"""The `mien` command: what it prints, what it wants of the stack, how it says what is wrong."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import annotated, camera, model, results, scale, status, training, up
from services.cli.__main__ import app, main
from services.supervisor.run_directory import RunDirectory
from shared.artefact import DEFAULT_ARTEFACT
from shared.config import load_settings
from shared.errors import ArtefactError, ConfigError, SourceError, StackError
from tests.artefacts import make_artefact
from tests.fake_stack import FakeStore
from tests.media import astronaut, cut_off_video

runner = CliRunner()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    """A stack with two cameras, to which all commands connect."""
    store = FakeStore("door", "hall")
    for module in (camera, model, results):
        monkeypatch.setattr(module, "connect", lambda *where: store)
    for module in (scale, status):
        monkeypatch.setattr(module, "connect_to", lambda settings: store)
    return store


def run(*arguments: str) -> str:
    """Run a command that must succeed; return what it prints."""
    result = runner.invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_help_names_every_command() -> None:
    text = run("--help")
    for name in (
        "up", "status", "camera", "scale", "analyze", "results", "fetch", "doctor", "bench", "model", "keys",
        "config", "train", "evaluate", "export", "describe",
    ):  # fmt: skip
        assert f" {name} " in text


@pytest.mark.parametrize("command", ["up", "status", "analyze", "results", "scale", "doctor"])
def test_help_of_a_command_has_its_options(command: str) -> None:
    assert "--config" in run(command, "--help")


def test_version() -> None:
    assert run("--version").startswith("mien ")


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['mien', '--help']\n"
        "from services.cli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'cv2', 'numpy', 'pydantic', 'redis', 'zmq', 'tensorflow', 'fastapi'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_a_users_mistake_is_one_line_and_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mien", "config", "check", "/nonexistent.yaml"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        "mien: can't read settings file /nonexistent.yaml: No such file or directory; "
        "correct its path or mode\n"
    )


def test_config_check(tmp_path: Path) -> None:
    file = tmp_path / "mien.yaml"
    file.write_text("cameras:\n  door: {source: '0'}\ndetector:\n  width: 320\n")
    assert "is valid: 1 camera(s): door" in run("config", "check", str(file))
    file.write_text("detector:\n  widht: 320\n")
    with pytest.raises(ConfigError, match=r"mien.yaml:2: detector.widht: unknown setting"):
        run("config", "check", str(file))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ("dashboard: {host: 0.0.0.0}", "refusing to listen on 0.0.0.0 without a login"),
        ("dashboard: {admin_token: short}", "dashboard.admin_token: needs at least 16"),
        (
            "dashboard: {admin_token_file: /nonexistent}",
            "dashboard.admin_token_file: can't read /nonexistent",
        ),
        ("redis: {password_file: /nonexistent}", "redis.password_file: can't read /nonexistent"),
        ("scale: {gpus: '99'}", "scale.gpus: there is no GPU 99"),
    ],
)
def test_config_check_refuses_what_mien_up_would(settings: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "mien.yaml").write_text(settings)
    with pytest.raises(ConfigError, match=why):
        run("config", "check", str(tmp_path / "mien.yaml"))


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("MIEN_DASHBOARD__PROXIES", "10.0.0.1"),
        ("MIEN_CAMERAS", '{"door": {"source": "rtsp://me:hidden@cam/1"'),
        ("MIEN_WEBHOOKS__DOOR__CAMERAS", "door"),
    ],
)
def test_a_variable_that_is_no_json_is_named_and_its_text_is_not_shown(
    variable: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigError, match=rf"^{variable}: not JSON; write a list such as") as caught:
        load_settings()
    assert "hidden" not in str(caught.value)


def test_the_name_of_a_camera_says_what_it_may_be_made_of() -> None:
    with pytest.raises(ConfigError, match="camera Door: not a name: use a-z, 0-9, - and _, at most 40"):
        run("camera", "add", "Door", "0")


# --- up ---------------------------------------------------------------------------------------------


def test_up_hands_its_flags_to_the_supervisor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import services.supervisor.up

    calls = []
    monkeypatch.setattr(services.supervisor.up, "run_stack", lambda *given: calls.append(given))
    clip = tmp_path / "clip.mp4"
    clip.touch()
    monkeypatch.chdir(tmp_path)
    run(
        "up", "--camera", "desk=0", "--camera", "clip=clip.mp4", "--classifiers", "3",
        "--detection-width", "320", "--no-demo", "--ephemeral", "--gpus", "none",
        "--run-dir", str(tmp_path / "run"),
    )  # fmt: skip
    settings, options = calls[0]
    assert {name: camera.source for name, camera in settings.cameras.items()} == {
        "desk": "0",
        "clip": str(clip),
    }
    assert (settings.scale.classifiers, settings.detector.width) == (3, 320)
    assert options.flags == {
        "run_dir": tmp_path / "run",
        "detector": {"width": 320},
        "scale": {"classifiers": 3, "gpus": "none"},
    }
    assert not options.use_demo
    assert options.ephemeral


@pytest.mark.parametrize("text", ["door", "=0", "door="])
def test_a_camera_flag_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected NAME=SOURCE"):
        up.parse_camera(text)


def test_a_camera_source_may_hold_an_equals_sign() -> None:
    assert up.parse_camera("door=rtsp://h/s?a=b") == ("door", "rtsp://h/s?a=b")


@pytest.mark.parametrize(
    ("source", "why"), [("~nosuchuser/x.mp4", "no such user"), ("a" * 300 + ".mp4", "File name too long")]
)
def test_a_path_that_cannot_be_looked_up_is_a_users_mistake(source: str, why: str) -> None:
    with pytest.raises(ConfigError, match=f"camera source .*: .*{why}"):
        up.local_path(source)


# --- scale ------------------------------------------------------------------------------------------


def test_scale_writes_what_is_wanted(store: FakeStore, tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "run") as held:
        run("scale", "classifier=3", "detectors=0", "--run-dir", str(held.path))
    assert store.asked == {"classifiers": 3, "detectors": 0}


def test_scale_refuses_where_no_mien_up_would_heed_it(store: FakeStore, tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"no `mien up` runs in .*up -d --scale classifier=3 --scale det"):
        run("scale", "classifier=3", "detectors=2", "--run-dir", str(tmp_path))
    assert (store.asked, store.audit) == ({}, [])


@pytest.mark.parametrize("text", ["classifier", "classifier=", "classifier=-1", "classifier=65", "broker=2"])
def test_scale_refuses_what_it_cannot_do(text: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        scale.parse_count(text)


# --- camera -----------------------------------------------------------------------------------------


def test_camera_add_and_remove(store: FakeStore) -> None:
    run("camera", "add", "desk", "rtsp://user:secret@host/s", "--fps", "5", "--transport", "udp")
    added = store.wanted_cameras()["desk"].settings
    assert (added.source, added.fps, added.transport) == ("rtsp://user:secret@host/s", 5.0, "udp")
    run("camera", "remove", "desk")
    assert "desk" not in store.wanted_cameras()


def test_camera_add_keeps_a_camera_of_that_name(store: FakeStore) -> None:
    with pytest.raises(ConfigError, match="door is there already"):
        run("camera", "add", "door", "1")
    run("camera", "add", "door", "1", "--replace")
    assert store.wanted_cameras()["door"].settings.source == "1"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("Door!", "0"), "camera Door!"),
        (("x", "0", "--pace", "fast"), r"camera x\.pace"),
        (("x", "0", "--rotate", "45"), r"camera x\.rotate"),
        (("x", "0", "--fps", "-1"), r"camera x\.fps"),
    ],
)
def test_camera_add_names_what_is_wrong(store: FakeStore, arguments: tuple[str, ...], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        run("camera", "add", *arguments)


def test_camera_remove_of_an_unknown_one_names_those_there_are(store: FakeStore) -> None:
    with pytest.raises(ConfigError, match=r"no camera desk \(cameras: door, hall\)"):
        run("camera", "remove", "desk")


def test_camera_list_hides_passwords(store: FakeStore) -> None:
    run("camera", "add", "desk", "rtsp://user:secret@host/s")
    listed = json.loads(run("camera", "list", "--json"))
    assert sorted(entry["camera"] for entry in listed) == ["desk", "door", "hall"]
    assert "secret" not in run("camera", "list") + json.dumps(listed)


# --- status and results -----------------------------------------------------------------------------


def test_status_shows_cameras_workers_and_ledger(store: FakeStore) -> None:
    text = run("status")
    for word in ("door", "hall", "classifier-1", "broker-1", "captured", "frames"):
        assert word in text


def test_status_as_json_balances(store: FakeStore) -> None:
    ledger = json.loads(run("status", "--json"))["ledger"]
    assert ledger["captured"] == ledger["recorded"] + sum(ledger["dropped"].values()) + ledger["in_flight"]


FRAME = {
    "id": "1-0",
    "camera": "door",
    "run": 7,
    "sequence": 3,
    "captured_at": "2026-01-02T03:04:05.678Z",
    "captured_ns": 1,
    "faces": [
        {
            "track": 4,
            "box": [1.0, 2.0, 30.0, 40.0],
            "score": 0.9,
            "landmarks": [0.0] * 10,
            "emotion": "happy",
            "certain": True,
            "confidence": 0.8,
            "probabilities": {"happy": 0.8, "sad": 0.2},
            "smoothed": {"happy": 0.7, "sad": 0.3},
            "smoothed_emotion": "happy",
        }
    ],
}


def test_results_as_csv_have_a_line_per_face(capsys: pytest.CaptureFixture[str]) -> None:
    results.write([{**FRAME, "faces": []}, FRAME], results.Format.CSV)
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["camera"], row["sequence"], row["track"], row["width"]) == ("door", "3", "4", "30.0")
    assert (row["emotion"], row["p_happy"], row["smoothed_sad"]) == ("happy", "0.8", "0.3")


def test_results_as_csv_without_a_face_are_a_heading(capsys: pytest.CaptureFixture[str]) -> None:
    results.write([{**FRAME, "faces": []}], results.Format.CSV)
    assert capsys.readouterr().out.startswith("captured_at,camera,run,sequence,track")


def test_results_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    results.write([FRAME, FRAME], results.Format.JSON)
    assert json.loads(capsys.readouterr().out) == [FRAME, FRAME]
    results.write([FRAME, FRAME], results.Format.JSONL)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [FRAME, FRAME]


def test_results_of_an_unknown_camera_or_age(store: FakeStore) -> None:
    with pytest.raises(ConfigError, match=r"camera desk \(cameras: door, hall\)"):
        run("results", "desk")
    for age in ("yesterday", "inf", "1e300"):
        with pytest.raises(ConfigError, match=f"--since: '{age}' is not a duration"):
            run("results", "door", "--since", age)


# --- analyze ----------------------------------------------------------------------------------------


@pytest.fixture
def small_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model for tests, as the configured one."""
    make_artefact(tmp_path / "model")
    monkeypatch.setenv("MIEN_CLASSIFIER__MODEL", str(tmp_path / "model"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with a face, a picture without one, and a file that is no picture."""
    import cv2
    import numpy as np

    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), astronaut())
    cv2.imwrite(str(folder / "b.png"), np.zeros((64, 64, 3), np.uint8))
    (folder / "c.png").write_text("no picture")
    return folder


def test_analyze_reports_what_it_could_not_read(small_model: None, pictures: Path) -> None:
    result = runner.invoke(app, ["analyze", str(pictures), "--json"], catch_exceptions=False)
    assert result.exit_code == 2
    assert "c.png is damaged" in result.stderr
    face, empty = json.loads(result.stdout)
    assert len(face["faces"]) == 1
    assert empty["faces"] == []


def test_analyze_goes_on_after_a_path_that_is_not_there(small_model: None, pictures: Path) -> None:
    paths = [str(pictures / name) for name in ("a.png", "typo.png", "b.png")]
    result = runner.invoke(app, ["analyze", *paths, "--json"], catch_exceptions=False)
    assert result.exit_code == 2
    assert "typo.png: no such file or folder" in result.stderr
    assert [entry["source"] for entry in json.loads(result.stdout)] == [paths[0], paths[2]]
    with pytest.raises(SourceError, match="no such file or folder"):
        run("analyze", paths[1])


def test_analyze_reports_what_there_is_of_a_cut_off_video(small_model: None, tmp_path: Path) -> None:
    video = cut_off_video(tmp_path)
    result = runner.invoke(app, ["analyze", str(video), "--json"], catch_exceptions=False)
    assert result.exit_code == 2
    assert "cut.avi ends after" in result.stderr
    assert len(json.loads(result.stdout)) > 10
    result = runner.invoke(app, ["analyze", str(video)], catch_exceptions=False)
    assert result.exit_code == 2
    assert "cut.avi" in result.stdout


def test_analyze_as_table_and_csv(small_model: None, pictures: Path) -> None:
    table = run("analyze", str(pictures / "a.png"), str(pictures / "b.png"))
    assert "no face" in table
    (row,) = csv.DictReader(io.StringIO(run("analyze", str(pictures / "a.png"), "--csv")))
    assert row["source"] == str(pictures / "a.png")
    assert {"bright", "dark", "neither"} <= set(row)


def test_analyze_draws_copies(small_model: None, pictures: Path, tmp_path: Path) -> None:
    import cv2

    (pictures / "c.png").unlink()
    other = pictures / "other"
    other.mkdir()
    (pictures / "a.png").rename(other / "b.png")
    run("analyze", str(pictures), "--annotate", str(tmp_path / "marked"))
    written = {path.name: cv2.imread(str(path)) for path in sorted((tmp_path / "marked").iterdir())}
    assert sorted(picture.shape[0] for picture in written.values()) == [64, 512]
    assert list(written) == ["b-2.png", "b.png"]


@pytest.mark.parametrize("what", ["a.png", "."])
def test_analyze_draws_no_copy_over_an_original(
    small_model: None, pictures: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.chdir(pictures)
    before = Path("a.png").read_bytes()
    with pytest.raises(ConfigError, match=r"--annotate: \. holds what is analyzed; choose another folder"):
        run("analyze", what, "--annotate", ".")
    Path("elsewhere").mkdir()
    Path("elsewhere/link.png").symlink_to(pictures / "a.png")
    with pytest.raises(ConfigError, match="holds what is analyzed"):
        run("analyze", "elsewhere/link.png", "--annotate", str(pictures))
    assert Path("a.png").read_bytes() == before
    assert sorted(path.name for path in pictures.iterdir()) == ["a.png", "b.png", "c.png", "elsewhere"]


def test_analyze_refuses_two_forms() -> None:
    with pytest.raises(ConfigError, match="choose one"):
        run("analyze", "x.png", "--json", "--csv")


def test_a_video_that_is_broken_off_leaves_no_file(tmp_path: Path) -> None:
    import numpy as np

    from shared.vision import Analysis
    from tests.media import carphone

    def draw_and_fail() -> None:
        with annotated.AnnotatedFolder(tmp_path, 1, []) as drawings:
            drawings.add(np.zeros((144, 176, 3), np.uint8), Analysis(source=str(carphone())))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        draw_and_fail()
    assert list(tmp_path.iterdir()) == []


# --- model, keys, training --------------------------------------------------------------------------


def test_model_use_checks_the_folder_first(
    store: FakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {}
    monkeypatch.setattr(store, "set_wanted", lambda **changes: wanted.update(changes), raising=False)
    with pytest.raises(ArtefactError, match="no model folder"):
        run("model", "use", str(tmp_path))
    assert wanted == {}
    make_artefact(tmp_path / "new")
    run("model", "use", str(tmp_path / "new"))
    assert wanted == {"model": str(tmp_path / "new")}
    run("model", "use", "default")
    assert wanted == {"model": None}


def test_model_list_and_info(tmp_path: Path) -> None:
    make_artefact(tmp_path / "runs" / "first")
    listed = json.loads(run("model", "list", str(tmp_path), "--json"))
    paths = [entry["path"] for entry in listed]
    assert str(tmp_path / "runs" / "first") in paths
    assert str(DEFAULT_ARTEFACT) in paths
    assert "bright, dark, neither" in run("model", "info", str(tmp_path / "runs" / "first"))


def test_a_configured_model_may_lie_below_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_artefact(tmp_path / "mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MIEN_CLASSIFIER__MODEL", "~/mine")
    assert json.loads(run("model", "info", "--json"))["labels"] == ["bright", "dark", "neither"]
    listed = json.loads(run("model", "list", "--json"))
    assert [entry["path"] for entry in listed if entry["configured"]] == [str(tmp_path / "mine")]


def test_keys_are_private_and_not_overwritten(tmp_path: Path) -> None:
    text = run("keys", "capture-1", "--into", str(tmp_path))
    secret, public = tmp_path / "capture-1.secret", tmp_path / "capture-1.public"
    assert [path.stat().st_mode & 0o777 for path in (secret, public)] == [0o600, 0o600]
    assert f"capture {public.read_text().strip()}" in text
    before = secret.read_text()
    with pytest.raises(ConfigError, match="would be overwritten"):
        run("keys", "capture-1", "--into", str(tmp_path))
    assert secret.read_text() == before
    run("keys", "capture-1", "--into", str(tmp_path), "--replace")
    assert secret.read_text() != before


def test_a_key_s_line_names_its_roles(tmp_path: Path) -> None:
    text = run("keys", "camera-host", "--role", "capture,detector", "--into", str(tmp_path))
    assert f"\ncapture,detector {(tmp_path / 'camera-host.public').read_text().strip()}" in text
    with pytest.raises(ConfigError, match="NAME: unknown role 'camera-host'; name the role with --role"):
        run("keys", "camera-host", "--into", str(tmp_path), "--replace")
    assert "authorized_keys" not in run("keys", "broker", "--into", str(tmp_path))


def test_training_commands_get_all_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(training.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(training.os, "execv", lambda *given: calls.append(given))
    run("train", "--epochs", "3", "data", "--help")
    assert calls == [
        (sys.executable, [sys.executable, "-m", "training", "train", "--epochs", "3", "data", "--help"])
    ]


def test_training_without_tensorflow_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StackError, match=r"pip install 'mien\[train\]'"):
        run("evaluate")


def test_doctor_gives_a_finding_for_everything(tmp_path: Path, small_model: None) -> None:
    result = runner.invoke(
        app, ["doctor", "--json", "--run-dir", str(tmp_path / "run")], catch_exceptions=False
    )
    findings = {entry["what"]: entry for entry in json.loads(result.stdout)}
    assert set(findings) >= {"processor", "memory", "GPUs", "webcams", "redis", "model", "detector", "video"}
    assert findings["model"]["found"].startswith("brightness")
    assert result.exit_code == 0


def test_doctor_fails_without_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CLASSIFIER__MODEL", str(tmp_path))
    result = runner.invoke(app, ["doctor", "--json"], catch_exceptions=False)
    missing = [entry for entry in json.loads(result.stdout) if entry["state"] == "missing"]
    assert [entry["what"] for entry in missing] == ["model"]
    assert "no model folder" in missing[0]["remedy"]
    assert result.exit_code == 1


def test_commands_find_no_stack_where_none_runs(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no stack runs in"):
        run("status", "--run-dir", str(tmp_path))


def test_a_path_below_the_home_of_nobody_is_not_found() -> None:
    with pytest.raises(ArtefactError, match="~nosuchuser/model"):
        run("model", "info", "~nosuchuser/model")
