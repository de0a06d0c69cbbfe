"""Writes what a person reads about a model: CARD.md and the licence of its weights."""

from shared.artefact import Card, Metrics, ModelFile
from training import fer2013

SEE_FILE = "see MODEL_LICENSE"
"""What a card says of terms that were not given at export."""

_LICENCE = """\
Licence of the model weights in this folder
===========================================

The program around these files is licensed under Apache-2.0. The weights are not: they were learned from
pictures whose own terms go with them.

1. What they were learned from. {origin}
   Where training began with weights trained on ImageNet: their authors published those, MobileNetV2's under
   Apache-2.0.
2. {terms}
3. The weights come without warranty of any kind. What the model is for, what it must not be used for, and how
   often it errs, for whom, stands in CARD.md in this folder.
"""
_NO_TERMS = """\
No terms were given when they were exported (`mien export --licence`): ask whoever trained them before you
   use them."""


def licence_text(card: Card) -> str:
    """Text of MODEL_LICENSE."""
    if _is_fer2013(card):
        return _LICENCE.format(origin=fer2013.ORIGIN, terms=fer2013.TERMS)
    terms = _NO_TERMS if card.licence == SEE_FILE else card.licence
    return _LICENCE.format(origin=f"{card.data['source']}.", terms=terms)


def _is_fer2013(card: Card) -> bool:
    return card.data["source"] == fer2013.SOURCE


def model_card(card: Card) -> str:
    """CARD.md: what the model is, its figures, its limits and uses."""
    parts = [_head(card), _figures(card), _classes(card), _origin(card), _limits(card), _USES, _LICENCE_HINT]
    return "\n".join(parts)


def _head(card: Card) -> str:
    provisional = f"\n**Provisional.** {card.note}\n" if card.provisional else ""
    note = f"\n{card.note}\n" if card.note and not card.provisional else ""
    return (
        f"# {card.name}\n{provisional}{note}\n"
        f"Says which of {len(card.labels)} expressions a face shows: {', '.join(card.labels)}.\n\n"
        f"- Takes grey uint8 pictures (N, {card.input_size}, {card.input_size}, 1), 0..255, and gives "
        f"(N, {len(card.labels)}) float32 calibrated probabilities.\n"
        f"- A face is cut as crop contract `{card.crop.name}` says, averaged down to {card.native_size} px, "
        f"then enlarged bilinearly to {card.input_size} px.\n"
        "- A face whose highest probability is below the file's threshold is called uncertain.\n"
    )


def _figures(card: Card) -> str:
    head = (
        "## Figures on validation pictures\n\n"
        "| file | MB | accuracy | macro-F1 | ECE | NLL | Brier | uncertain below | certain share "
        "| accuracy when certain |\n|---|---|---|---|---|---|---|---|---|---|\n"
    )
    rows = [_row(name, file, file.metrics) for name, file in card.files.items() if file.metrics]
    return head + "\n".join(rows) + "\n\n" + _parity(card)


def _row(name: str, file: ModelFile, m: Metrics) -> str:
    figures = (m.accuracy, m.macro_f1, m.ece, m.nll, m.brier, file.uncertain_threshold, m.certain_share)
    cells = [f"`{name}`", f"{file.bytes / 1e6:.1f}", *(f"{value:.4f}" for value in figures)]
    return f"| {' | '.join(cells)} | {m.certain_accuracy:.4f} |"


def _parity(card: Card) -> str:
    lines = [
        f"- `{name}` against `{p.reference}` on {p.pictures} pictures: largest difference of a probability "
        f"{p.largest_difference:.2g}, same class {100 * p.agreement:.2f} %, where the margin exceeds 0.1 "
        f"{100 * p.clear_agreement:.2f} %, accuracy {100 * p.accuracy_difference:+.2f} points, macro-F1 "
        f"{100 * p.macro_f1_difference:+.2f} points."
        for name, file in card.files.items()
        if (p := file.parity)
    ]
    return (
        "ECE, NLL and Brier are cross-fitted: two stratified halves, the temperature fitted on one and "
        "measured on the other, both ways.\n\n" + "\n".join(lines) + "\n"
    )


def _classes(card: Card) -> str:
    name, file = next(reversed(card.files.items()))
    if file.metrics is None:
        return ""
    rows = [
        f"| {label} | {c.support} | {c.precision:.3f} | {c.recall:.3f} | {c.f1:.3f} |"
        for label, c in file.metrics.per_class.items()
    ]
    head = (
        f"## By class (`{name}`)\n\n| class | pictures | precision | recall | F1 |\n|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _origin(card: Card) -> str:
    data = "\n".join(f"- {key}: {value}" for key, value in card.data.items())
    recipe = "\n".join(f"- {key}: {value}" for key, value in card.recipe.items())
    return f"## Data\n\n{data}\n\n## Recipe\n\n{recipe}\n"


def _limits(card: Card) -> str:
    data = fer2013.LIMITS if _is_fer2013(card) else ""
    return f"## Limits\n\n{_LIMITS}{data}"


_LIMITS = """\
- An expression is not an emotion. The network names what a face looks like to the people who labelled its
  training pictures; it does not know what anybody feels.
- How accuracy differs by age, sex or skin was not measured; expect it to be lower for those the data show
  rarely.
- Meant for faces of 48 pixels and more, roughly frontal, and evenly lit.
"""
_USES = """\
## Intended use

Research, teaching, demonstrations, art, and aggregate statistics, with the knowledge of those who are filmed.

## Not to be used for

Decisions about a person: hiring, schooling, credit, insurance, policing, border control, lie detection,
diagnosis. Inferring emotions at the workplace and in education is forbidden in the European Union (Regulation
2024/1689, Article 5(1)(f)), medical and safety reasons excepted.
"""
_LICENCE_HINT = """\
## Licence

See MODEL_LICENSE in this folder.
"""
