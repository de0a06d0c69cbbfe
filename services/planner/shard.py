"""What is simulated: one broker and all that is connected to it."""

from dataclasses import dataclass

from services.planner.coefficients import Costs
from shared import topology


@dataclass(frozen=True)
class Shard:
    """What is simulated: one broker and all that is connected to it. Times are seconds.

    Attributes:
        cameras, fps, faces: the load; faces on a frame on average.
        detectors, classifiers, recorders: workers.
        cores: processors that all processes share.
        costs: of frames, faces and idle processes; `capture.frame_ms` and `detector.frame_ms` as for these
            frames, JPEG included.
        skipped_frame_ms: for a frame that is read and not sent.
        spread: see `Coefficients`.
        window: frames that a camera may have unacknowledged.
        deadline, lease, batch_size, batch_wait, recorder_wait, reorder: as in the settings.
    """

    cameras: int
    fps: float
    faces: float
    detectors: int
    classifiers: int
    recorders: int
    cores: float
    costs: Costs
    skipped_frame_ms: float = 0.0
    spread: float = 0.0
    window: int = topology.LIVE_WINDOW
    deadline: float = 1.0
    lease: float = 2.0
    batch_size: int = 16
    batch_wait: float = 0.002
    recorder_wait: float = 0.02
    reorder: float = 0.2

    @property
    def processes(self) -> dict[str, int]:
        """Service → processes."""
        return {
            "capture": self.cameras + 1,
            "broker": 1,
            "detector": self.detectors,
            "classifier": self.classifiers,
            "recorder": self.recorders,
            "redis": 1,
            "dashboard": 1,
            "supervisor": 1,
        }

    @property
    def idle_cores(self) -> dict[str, float]:
        """Service → cores in use without any frame."""
        return {name: count * self.costs.of(name).idle_ms / 1000 for name, count in self.processes.items()}
