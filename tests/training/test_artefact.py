"""A model folder is believed only as far as its card and its files agree."""

import json

import pytest

from shared.artefact import load_artefact
from shared.errors import ArtefactError
from tests.artefacts import make_artefact

FILE = "model_int8.tflite"


def alter(folder, change):
    """Apply `change` to the card as a dictionary."""
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


def test_a_good_folder_loads(tmp_path):
    artefact = make_artefact(tmp_path)
    assert artefact.file(FILE) == tmp_path / FILE
    assert artefact.card.labels == ("bright", "dark", "neither")


def test_a_file_the_card_does_not_list_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"has no model\.keras; it has model_int8\.tflite"):
        make_artefact(tmp_path).file("model.keras")


def test_no_folder_and_no_card(tmp_path):
    with pytest.raises(ArtefactError, match="is no model folder"):
        load_artefact(tmp_path / "absent")


def test_a_missing_file(tmp_path):
    make_artefact(tmp_path)
    (tmp_path / FILE).unlink()
    with pytest.raises(ArtefactError, match="is missing although the card lists it"):
        load_artefact(tmp_path)


def test_another_size(tmp_path):
    make_artefact(tmp_path)
    with (tmp_path / FILE).open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(ArtefactError, match="its card says"):
        load_artefact(tmp_path)


def test_other_content_of_the_same_size(tmp_path):
    make_artefact(tmp_path)
    content = bytearray((tmp_path / FILE).read_bytes())
    content[-1] ^= 1
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ArtefactError, match="SHA-256 differs"):
        load_artefact(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.update(format=9), "format 9"),
        (lambda card: card.update(labels=["one"]), "labels"),
        (lambda card: card.update(labels=["a", "a"]), "labels"),
        (lambda card: card.update(files={}), "lists no file"),
        (lambda card: card.update(input_size=0), "sizes"),
        (lambda card: card["files"].update({"../evil": card["files"][FILE]}), "plain file name"),
        (lambda card: card["files"][FILE].update(temperature=0), "out of range"),
        (lambda card: card["files"][FILE].update(uncertain_threshold=1.5), "out of range"),
        (lambda card: card.pop("labels"), "labels"),
        (lambda card: card.update(native_size="big"), "native_size"),
    ],
)
def test_a_bad_card_says_what_is_wrong(tmp_path, change, message):
    make_artefact(tmp_path)
    alter(tmp_path, change)
    with pytest.raises(ArtefactError, match=message):
        load_artefact(tmp_path)


def test_a_card_that_is_no_json(tmp_path):
    make_artefact(tmp_path)
    (tmp_path / "card.json").write_bytes(b"\xff{")
    with pytest.raises(ArtefactError, match="not a card of this version"):
        load_artefact(tmp_path)
