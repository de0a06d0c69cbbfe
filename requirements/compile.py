"""Compile the pinned requirement files from pyproject.toml: all of them agree on every version."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
UV = Path(sys.executable).with_name("uv")
COMMON = [
    str(UV),
    "pip",
    "compile",
    "--quiet",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-annotate",
    "--custom-compile-command=make lock",
    "pyproject.toml",
    "requirements/build.in",
    "--constraint=requirements/constraints.in",
]


def compile_file(name: str, *arguments: str) -> None:
    """Write one requirement file."""
    subprocess.run([*COMMON, *arguments, "-o", str(HERE / name)], check=True, cwd=HERE.parent)


if __name__ == "__main__":
    extras = ("demo", "otel", "train", "test", "dev")
    compile_file("dev.txt", *(f"--extra={name}" for name in extras), *sys.argv[1:])
    compile_file("run.txt", "--extra=demo", "--extra=otel", "--constraint=requirements/dev.txt")
    compile_file("service.txt", "--extra=otel", "--constraint=requirements/dev.txt")
    compile_file("train.txt", "--extra=train", "--constraint=requirements/dev.txt")
    compile_file("gpu.txt", "--extra=gpu", "--constraint=requirements/dev.txt")
