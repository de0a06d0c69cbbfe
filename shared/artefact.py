"""A model folder: `card.json` and the files it vouches for. The only thing that training hands to the
services.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from shared.errors import ArtefactError
from shared.paths import expanded

CARD: Final = "card.json"
FORMAT: Final = 1
"""Version of the card; a reader takes this one only."""
DEFAULT_ARTEFACT: Final = Path(__file__).parent.parent / "services/classifier/models/mobilenetv2-fer7"
"""The model that ships."""


class Crop(msgspec.Struct, frozen=True):
    """How faces must be cut: the name and version of the contract, and its numbers as shares of the crop's
    side.
    """

    name: str
    version: int
    parameters: dict[str, float | bool]

    def __str__(self) -> str:
        return self.name


class ClassFigures(msgspec.Struct, frozen=True):
    """How one class is recognised; shares 0..1, `support` its number of pictures."""

    precision: float
    recall: float
    f1: float
    support: int


class Metrics(msgspec.Struct, frozen=True):
    """What a file was measured to do on validation pictures; shares 0..1.

    `ece` is the expected calibration error, fitted on one half and measured on the other, both ways.
    `certain_share` of the faces reach the uncertain threshold, `certain_accuracy` among them.
    """

    pictures: int
    accuracy: float
    macro_f1: float
    ece: float
    nll: float
    brier: float
    certain_share: float
    certain_accuracy: float
    per_class: dict[str, ClassFigures]


class Parity(msgspec.Struct, frozen=True):
    """How far a file departs from a reference on the same pictures.

    `agreement` is the share of equal top classes, `clear_agreement` the same where the reference's margin
    between its first two classes exceeds 0.1.
    """

    reference: str
    pictures: int
    largest_difference: float
    agreement: float
    clear_agreement: float
    accuracy_difference: float
    macro_f1_difference: float
    largest_sum_error: float


class ModelFile(msgspec.Struct, frozen=True):
    """One file: identity, the temperature inside its graph, the probability below which a face is
    uncertain.
    """

    sha256: str
    bytes: int
    temperature: float
    uncertain_threshold: float
    metrics: Metrics | None = None
    parity: Parity | None = None


class Card(msgspec.Struct, frozen=True):
    """What a model is. Sizes in pixels; `labels` in the order of the output columns."""

    format: int
    name: str
    labels: tuple[str, ...]
    crop: Crop
    native_size: int
    input_size: int
    files: dict[str, ModelFile]
    data: dict[str, str | int | float]
    recipe: dict[str, str | int | float]
    licence: str
    scaling: str = "inside the graph: it takes grey uint8 0..255"
    provisional: bool = False
    note: str = ""


@dataclass(frozen=True)
class Artefact:
    """A model folder whose files are what its card says."""

    path: Path
    card: Card

    def file(self, name: str) -> Path:
        """Path of a file that the card lists; raises ArtefactError naming those there are."""
        if name not in self.card.files:
            have = ", ".join(self.card.files)
            raise ArtefactError(
                f"{self.path} has no {name}; it has {have}: choose one of these or export again"
            )
        return self.path / name


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_card(folder: Path) -> Card:
    """The card of a model folder, checked in itself but not against the files.

    Raises:
        ArtefactError: no card, or one that this version can't read.
    """
    path = folder / CARD
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtefactError(
            f"{folder} is no model folder: can't read {CARD} ({error.strerror}); make one with `mien export`"
        ) from None
    try:
        card = msgspec.json.decode(content, type=Card)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArtefactError(
            f"{path} is not a card of this version: {error}; export the model again"
        ) from None
    _check_card(path, card)
    return card


def find_artefacts(folder: Path) -> list[Path]:
    """Return the folders at or below this one that hold a card, in order."""
    return sorted(card.parent for card in expanded(folder).rglob(CARD))


def load_artefact(path: Path) -> Artefact:
    """Check a model folder and return it.

    Raises:
        ArtefactError: a file is missing, has another size or other content than the card says, or the card is
        bad.
    """
    folder = expanded(path)
    card = read_card(folder)
    for name, expected in card.files.items():
        _check_file(folder / name, expected)
    return Artefact(folder, card)


def _check_card(path: Path, card: Card) -> None:
    """Refuse what no exporter writes: an altered card must not reach outside its folder or mislabel faces."""
    problem = ""
    if card.format != FORMAT:
        problem = f"it has format {card.format}, this version reads {FORMAT}"
    elif len(card.labels) < 2 or len(set(card.labels)) != len(card.labels):
        problem = "labels must be at least two different names"
    elif not card.files:
        problem = "it lists no file"
    elif not (0 < card.native_size <= 1024 and 0 < card.input_size <= 1024):
        problem = "sizes must be between 1 and 1024 pixels"
    problem = problem or _check_entries(card)
    if problem:
        raise ArtefactError(f"{path}: {problem}; export the model again")


def _check_entries(card: Card) -> str:
    for name, file in card.files.items():
        if Path(name).name != name or name in (".", ".."):
            return f"{name!r} is not a plain file name"
        if not (file.temperature > 0 and 0 <= file.uncertain_threshold <= 1):
            return f"temperature or threshold of {name} is out of range"
    return ""


def _check_file(path: Path, expected: ModelFile) -> None:
    remedy = "export the model again or copy the whole folder"
    if not path.is_file():
        raise ArtefactError(f"{path} is missing although the card lists it; {remedy}")
    size = path.stat().st_size
    if size != expected.bytes:
        raise ArtefactError(f"{path} has {size} bytes, its card says {expected.bytes}; {remedy}")
    if digest(path) != expected.sha256:
        raise ArtefactError(f"{path} is not the file its card describes (SHA-256 differs); {remedy}")
