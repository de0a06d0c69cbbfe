"""What analyzing a picture gives: plain records, which cost no import of a vision library."""

from msgspec import Struct

Points = tuple[float, float, float, float, float, float, float, float, float, float]


class FaceAnalysis(Struct, frozen=True, kw_only=True):
    """One face and what was read on it."""

    box: tuple[float, float, float, float]
    """x, y, width, height in pixels of the picture; may reach outside it."""
    score: float
    """How sure the detector is that this is a face, 0 to 1."""
    landmarks: Points
    """x, y of: right eye (the person's own), left eye, nose, right and left mouth corner."""
    emotion: str
    """Label of the highest probability, also where it is not certain."""
    certain: bool
    """Whether that probability reaches the model's threshold."""
    probabilities: dict[str, float]
    """Calibrated, per label, sum 1."""


class Analysis(Struct, frozen=True, kw_only=True):
    """One picture or video frame and its faces, largest first."""

    source: str
    """Path of the file; empty for an array."""
    frame: int = 0
    """Number of the frame in a video, from 0."""
    seconds: float = 0.0
    """Where the frame is shown in a video."""
    width: int = 0
    height: int = 0
    faces: tuple[FaceAnalysis, ...] = ()
    excess: int = 0
    """Faces beyond the 64 largest."""
    error: str = ""
    """Why a file of a folder, or the rest of a video, could not be read."""
