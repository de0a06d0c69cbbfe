"""What a frame and a face cost on a machine, as `mien bench --calibrate` measured it; kept in a JSON file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from shared.errors import ConfigError

SHIPPED: Final = Path(__file__).with_name("shipped_coefficients.json")
"""Measured on the machine that it names; used until this one was calibrated."""
CACHE: Final = Path("~/.cache/mien/coefficients.json")

NOTABLE: Final = 0.1
"""Cores in use by others that are worth a word."""

Amount = Annotated[float, Meta(ge=0, le=1e9)]
Name = Annotated[str, Meta(max_length=200)]


class Cost(Struct, frozen=True, forbid_unknown_fields=True):
    """What one service costs.

    Attributes:
        frame_ms: processor time for a frame, in ms.
        face_ms: the same for each face on it.
        idle_ms: processor time of one process in a second without work.
        memory_mb: resident memory of one process at its peak, in MB.
    """

    frame_ms: Amount
    face_ms: Amount
    idle_ms: Amount
    memory_mb: Amount


class Costs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each service costs. Capture's `frame_ms` is of a frame that is sent; it grows with its pixels."""

    capture: Cost
    broker: Cost
    detector: Cost
    classifier: Cost
    recorder: Cost
    redis: Cost
    dashboard: Cost
    supervisor: Cost

    def of(self, service: str) -> Cost:
        """Return what a service costs."""
        cost: Cost = getattr(self, service)
        return cost


class Jpeg(Struct, frozen=True, forbid_unknown_fields=True):
    """What it costs to send frames between machines, each for a million pixels of picture."""

    encode_ms: Amount
    decode_ms: Amount
    megabytes: Amount


class Coefficients(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that `mien plan` knows of a machine."""

    machine: Name
    """Model and number of its cores."""
    gpu: Name = ""
    """Of the classifier that was measured; empty: it ran on the processor."""
    measured_at: Name
    detector: Name
    """Its weights and width, such as `yunet-onnx-320`."""
    width: Annotated[int, Meta(ge=1)]
    """Of the frames, in pixels."""
    height: Annotated[int, Meta(ge=1)]
    costs: Costs
    skipped_frame_ms: Amount
    """Of capture, for a frame that is read but gives way to a newer one."""
    spread: Annotated[float, Meta(ge=0, le=2)]
    """How much a job's time varies: standard deviation of its logarithm."""
    jpeg: Jpeg
    others: Amount = 0.0
    """Cores that other programs held meanwhile: they slow everything down, so that all seems to cost more."""

    @property
    def pixels(self) -> int:
        """Of a frame as it was measured."""
        return self.width * self.height

    @property
    def source(self) -> str:
        """Where and when they were measured, for a person."""
        device = f", classifier on {self.gpu}" if self.gpu else ""
        crowd = f", beside other programs on {self.others:.1f} cores" if self.others >= NOTABLE else ""
        return (
            f"{self.machine}{device}, {self.measured_at}, {self.detector}, {self.width}x{self.height}{crowd}"
        )


def today() -> str:
    """Return the date as coefficients carry it."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def read_coefficients(path: Path | None = None) -> tuple[Coefficients, bool]:
    """Return coefficients and whether they are the shipped ones, not this user's own.

    Args:
        path: a file; None: the one that `mien bench --calibrate` left, else the shipped one.

    Raises:
        ConfigError: the file can't be read or holds something else.
    """
    chosen = path or CACHE.expanduser()
    shipped = path is None and not chosen.exists()
    return _read(SHIPPED if shipped else chosen), shipped


def _read(path: Path) -> Coefficients:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Coefficients)
    except OSError as error:
        raise ConfigError(f"can't read coefficients {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} holds no coefficients ({error}): run `mien bench --calibrate`") from None


def write_coefficients(coefficients: Coefficients, path: Path | None = None) -> Path:
    """Keep coefficients and return where: by default where `read_coefficients` looks first.

    Raises:
        ConfigError: the file can't be written.
    """
    target = (path or CACHE.expanduser()).absolute()
    aside = target.with_suffix(target.suffix + ".part")
    try:
        if path is None:
            target.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(coefficients)) + b"\n")
        aside.replace(target)
    except OSError as error:
        raise ConfigError(f"can't write coefficients to {target}: {error.strerror}") from None
    return target
