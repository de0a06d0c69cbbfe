"""The images, built once for all tests of containers."""

import time

import pytest

from tests.compose.engine import BUILD_SECONDS, Compose, engine_fault


@pytest.fixture(scope="session")
def built() -> None:
    if fault := engine_fault():
        pytest.skip(f"no Docker engine with compose answers ({fault})")
    began = time.monotonic()
    Compose()("build", seconds=BUILD_SECONDS)
    print(f"\nbuilt in {time.monotonic() - began:.0f} s")
