"""Predictions beside real runs: `python -m tests.bench.capacity --load 4x15 [--weights FILE]`.

Runs the stack under the load with one worker of each kind, simulates the same, and prints both as a row of
the table in docs/capacity.md. Calibrate first: `mien bench --calibrate`. Cores that other programs held
meanwhile are not the stack's: the simulation has what was left.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import psutil

from services.bench.run import Load as RealLoad
from services.bench.run import run_bench
from services.planner.coefficients import Coefficients, read_coefficients
from services.planner.formulas import Load
from services.planner.plan import make_plan, shards_of
from services.planner.simulate import simulate_shards
from shared.config import load_settings

WIDTH = 320
"""Detection width, as in `mien bench`."""


def run(cameras: int, fps: float, seconds: float, weights: Path | None) -> dict[str, Any]:
    """Return frames a second, cores in use, latency, and cores that other programs left, of a real run."""
    settings: dict[str, Any] = {
        "scale": {"classifiers": 1, "detectors": 1},
        "detector": {"width": WIDTH} | ({"weights": weights.absolute()} if weights else {}),
    }
    idle: list[tuple[float, float]] = []

    def watch(what: str, share: float) -> None:
        if what == "measuring":
            idle.append((time.monotonic(), _not_needed()))

    load = RealLoad(cameras, fps, seconds=seconds, settings=settings, kernel=False)
    figures = run_bench(load, watch)
    unused = (idle[-1][1] - idle[0][1]) / (idle[-1][0] - idle[0][0])
    rate, cost = figures["frames_per_second"], figures["cpu_seconds_per_1000_frames"]
    cores = {service: round(each * rate / 1000, 3) for service, each in cost.items()}
    return {
        "frames_per_second": rate,
        "cores": cores,
        "latency_ms": figures["latency_ms"],
        "left": cores["all"] + unused,
    }


def _not_needed() -> float:
    """Return seconds so far in which cores had nothing to do, or something that gives way."""
    times = psutil.cpu_times()
    return float(times.idle + times.iowait + times.nice)


def predict(cameras: int, fps: float, known: Coefficients, cores: float) -> dict[str, Any]:
    """Return the same of a simulation on so many cores."""
    plan = make_plan(Load(cameras, fps), known)
    changes = {"detectors": 1, "classifiers": 1, "recorders": 1, "cores": cores}
    return simulate_shards(shards_of(plan, known, load_settings(), **changes), 10.0).figures()


def main() -> None:
    """Print a row of both, how far they are apart, and the cores by service."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", required=True, metavar="CAMERASxFPS")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--coefficients", type=Path)
    arguments = parser.parse_args()
    cameras, fps = arguments.load.split("x")
    known, _ = read_coefficients(arguments.coefficients)
    real = run(int(cameras), float(fps), arguments.seconds, arguments.weights)
    said = predict(int(cameras), float(fps), known, real["left"])
    cells = [arguments.load, f"{real['left']:.2f}"]
    for name in ("frames_per_second", "cores", "latency_ms"):
        measured, predicted = (_figure(figures[name]) for figures in (real, said))
        cells += [f"{measured:.3g}", f"{predicted:.3g}", f"{predicted / measured - 1:+.0%}"]
    print(f"| {' | '.join(cells)} |")
    for name, figures in (("measured", real), ("predicted", said)):
        print(name, figures["latency_ms"], figures["cores"])


def _figure(value: Any) -> float:
    return float(value.get("all", value.get("p95")) if isinstance(value, dict) else value)


if __name__ == "__main__":
    main()
