"""Each worker takes a GPU of its own, from a list that need not be real."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from services.classifier import gpu
from services.classifier.backend import load_backend
from services.classifier.gpu import GpuClaim, choose, claim_gpu, list_gpus, may_use_gpu
from services.cli import checks
from shared.config import ClassifierSettings, Settings
from shared.errors import ConfigError
from shared.gpus import read_list

ROOT = Path(__file__).parents[2]
PRESENT = ["GPU-aa", "GPU-bb", "GPU-cc"]


@pytest.mark.parametrize(
    ("gpus", "visible", "expected"),
    [
        ("auto", None, PRESENT),
        ("none", None, []),
        ("2,0", None, ["GPU-cc", "GPU-aa"]),
        ("auto", "1", ["GPU-bb"]),
        ("auto", "GPU-cc,GPU-aa", ["GPU-cc", "GPU-aa"]),
        ("auto", "", []),
        ("auto", "-1", []),
        ("auto", "0,-1,1", ["GPU-aa"]),
        ("0,1", "1,2", ["GPU-bb"]),
        ("none", "1", []),
        ("auto", "GPU-b", ["GPU-bb"]),
        ("auto", "GPU-,1", []),
        ("auto", "GPU-zz", []),
        ("auto", "MIG-7/1/0", ["MIG-7/1/0"]),
    ],
)
def test_choice(gpus, visible, expected):
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert choose(PRESENT, gpus, environment) == expected


def test_index_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"scale\.gpus: no GPU 3; this host has 3"):
        choose(PRESENT, "0,3", {})


def test_each_claim_takes_another_until_none_is_left(tmp_path):
    claims = [GpuClaim.take(tmp_path / "gpus", PRESENT) for _ in range(3)]
    assert [claim.uuid for claim in claims] == PRESENT
    assert GpuClaim.take(tmp_path / "gpus", PRESENT) is None
    claims[1].release()
    again = GpuClaim.take(tmp_path / "gpus", PRESENT)
    assert again.uuid == "GPU-bb"
    for claim in (claims[0], claims[2], again):
        claim.release()


def test_a_killed_worker_leaves_its_gpu(tmp_path):
    program = (
        "import sys, pathlib; from services.classifier.gpu import GpuClaim\n"
        "claim = GpuClaim.take(pathlib.Path(sys.argv[1]), ['GPU-aa'])\n"
        "print(claim.uuid, flush=True); sys.stdin.read()"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with worker:
        assert worker.stdout.readline() == "GPU-aa\n"
        assert GpuClaim.take(tmp_path, ["GPU-aa"]) is None
        worker.kill()
        worker.wait()
        GpuClaim.take(tmp_path, ["GPU-aa"]).release()


def test_claim_pins_the_process(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "list_gpus", lambda: PRESENT)
    environment = {"CUDA_VISIBLE_DEVICES": "2"}
    claim = claim_gpu(tmp_path, "auto", environment)
    assert (claim.uuid, environment) == ("GPU-cc", {"CUDA_VISIBLE_DEVICES": "GPU-cc"})
    other = {"CUDA_VISIBLE_DEVICES": "2"}
    assert claim_gpu(tmp_path, "auto", other) is None
    assert other == {"CUDA_VISIBLE_DEVICES": "-1"}
    claim.release()


def test_devices_given_from_outside_hold_where_nvidia_smi_shows_none():
    assert choose([], "auto", {"CUDA_VISIBLE_DEVICES": "GPU-zz,MIG-1"}) == ["GPU-zz", "MIG-1"]
    assert choose([], "auto", {"CUDA_VISIBLE_DEVICES": "0"}) == []


def test_while_all_are_taken_a_worker_waits_if_it_is_told_how(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(gpu, "list_gpus", lambda: ["GPU-aa"])
    first = claim_gpu(tmp_path, "auto", {})
    turns = []

    def wait():
        turns.append(len(turns))
        if len(turns) == 3:
            first.release()

    environment = {}
    second = claim_gpu(tmp_path, "auto", environment, wait)
    assert (len(turns), environment) == (3, {"CUDA_VISIBLE_DEVICES": "GPU-aa"})
    assert "all 1 GPUs are taken" in caplog.text
    second.release()
    assert claim_gpu(tmp_path, "none", {}, wait) is None  # there is none to wait for


def test_a_gpu_in_slices_is_its_slices():
    text = (
        "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa)\n"
        "  MIG 3g.20gb     Device  0: (UUID: MIG-1)\n"
        "  MIG 3g.20gb     Device  1: (UUID: MIG-GPU-aa/2/0)\n"
        "GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bb)\n"
    )
    assert read_list(text) == ["MIG-1", "MIG-GPU-aa/2/0", "GPU-bb"]
    assert read_list("No devices found.\n") == []


def test_list_comes_from_nvidia_smi(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(
        '#!/bin/sh\n[ "$1" = -L ] && printf "GPU 0: X (UUID: GPU-aa)\\nGPU 1: X (UUID: GPU-bb)\\n"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert list_gpus() == ["GPU-aa", "GPU-bb"]
    program.write_text("#!/bin/sh\necho no driver; exit 9\n")
    assert list_gpus() == []
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert list_gpus() == []


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't claim a GPU in"):
        GpuClaim.take(tmp_path / "file" / "gpus", PRESENT)


@pytest.mark.parametrize(
    ("backend", "installed", "expected"),
    [("auto", True, True), ("auto", False, False), ("tensorflow", False, True), ("litert", True, False)],
)
def test_without_tensorflow_auto_leaves_gpus_alone(monkeypatch, backend, installed, expected):
    monkeypatch.setattr(gpu.importlib.util, "find_spec", lambda name: object() if installed else None)
    assert may_use_gpu(backend) is expected


def test_who_lacks_tensorflow_for_a_gpu_is_told_of_the_extra_with_cuda(monkeypatch):
    monkeypatch.setattr(checks, "list_gpus", lambda: ["GPU-aa"])
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: None)
    found = checks._gpus(Settings())
    assert (found.found, found.remedy) == ("1, not used", "to use them: pip install 'mien[gpu]'")
    monkeypatch.setitem(sys.modules, "services.classifier.tensorflow_backend", None)
    with pytest.raises(ConfigError, match=r"install it \(pip install 'mien\[gpu\]'\), or choose litert"):
        load_backend(ClassifierSettings(backend="tensorflow"), None, None)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any("and-cuda" in requirement for requirement in extras["gpu"])
