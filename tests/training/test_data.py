"""What a data folder holds, what of it trains, and what a person is told about the rest."""

import shutil

import cv2
import numpy as np
import pytest

from shared.emotions import EMOTIONS
from shared.errors import DataError
from training.data import clean, load_split, pixel_hash, read_classes, read_exclusions, read_grey, square
from training.prepare import prepare, write_report


def test_the_seven_emotions_come_in_their_order(tmp_path):
    for name in sorted(EMOTIONS, reverse=True):
        (tmp_path / name).mkdir()
    assert read_classes(tmp_path) == EMOTIONS


def test_other_class_names_are_sorted(faces):
    assert read_classes(faces / "train") == ("closed", "open")


def test_one_class_is_refused(tmp_path):
    (tmp_path / "happy").mkdir()
    with pytest.raises(DataError, match="at least two"):
        read_classes(tmp_path)


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        read_classes(tmp_path / "absent")


def test_a_class_without_a_readable_picture_is_named(faces):
    shutil.rmtree(faces / "train" / "open")
    (faces / "train" / "open").mkdir()
    (faces / "train" / "open" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"open holds no readable picture"):
        load_split(faces / "train", ("closed", "open"), 48)


def test_pictures_that_must_not_train_are_found_by_their_pixels(faces):
    train, validation = faces / "train", faces / "validation"
    leaked = cv2.imread(str(validation / "open" / "open_000.png"), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(train / "open" / "leaked.bmp"), leaked)
    shutil.copy(train / "closed" / "closed_000.png", train / "closed" / "again.png")
    shutil.copy(train / "closed" / "closed_001.png", train / "open" / "two_labels.png")
    cv2.imwrite(str(train / "open" / "blank.png"), np.full((48, 48), 7, np.uint8))
    (train / "open" / "broken.png").write_bytes(b"")
    exclude = faces / "exclude.csv"
    exclude.write_text("file,why\ntrain/open/open_003.png,blurred\n")

    prepared = prepare(faces, 48, exclude, seed=1)

    reasons = prepared.report.reasons
    assert reasons["identical to a validation picture"] == {"train/open/leaked.bmp"}
    # Sorted by name, `again` is the first of the two.
    assert reasons["repeated in their class"] == {"train/closed/closed_000.png"}
    assert reasons["under two classes"] == {"train/closed/closed_001.png", "train/open/two_labels.png"}
    assert reasons["blank"] == {"train/open/blank.png"}
    assert reasons["unreadable"] == {"train/open/broken.png"}
    assert reasons["on the exclude list"] == {"train/open/open_003.png"}
    assert not set(prepared.train.hashes) & set(prepared.validation.hashes)
    assert "train/open/open_003.png" not in prepared.train.names
    assert prepared.report.used == {"closed": 15, "open": 15}
    assert any("1 blank" in line for line in prepared.report.lines())


def test_without_validation_a_stratified_part_is_held_out_and_written_down(faces, tmp_path):
    shutil.rmtree(faces / "validation")
    prepared = prepare(faces, 48, None, seed=3)
    assert prepared.validation.counts() == {"closed": 2, "open": 2}
    assert set(prepared.split) == set(prepared.validation.names)
    assert not set(prepared.split) & set(prepared.train.names)
    assert prepare(faces, 48, None, seed=3).split == prepared.split
    write_report(prepared, tmp_path / "run")
    assert prepared.split[0] in (tmp_path / "run" / "data.json").read_text()


def test_a_class_that_exclusions_empty_is_named(faces):
    pictures, _ = load_split(faces / "train", ("closed", "open"), 48)
    everything_open = [name for name in pictures.names if "/open/" in name]
    validation, _ = load_split(faces / "validation", ("closed", "open"), 48)
    with pytest.raises(DataError, match="'open'"):
        clean(pictures, validation, exclude=everything_open)


def test_an_unreadable_exclude_list_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.csv"):
        read_exclusions(tmp_path / "absent.csv")


def test_pictures_are_squared_about_their_middle():
    wide = np.zeros((10, 20), np.uint8)
    wide[:, 5:15] = 200
    assert (square(wide, 5) == 200).all()
    assert square(wide, 48).shape == (48, 48)


def test_the_hash_is_of_pixels_not_of_files(tmp_path):
    picture = np.arange(48 * 48, dtype=np.uint32).reshape(48, 48).astype(np.uint8)
    for name in ("a.png", "a.bmp"):
        cv2.imwrite(str(tmp_path / name), picture)
    assert pixel_hash(read_grey(tmp_path / "a.png")) == pixel_hash(read_grey(tmp_path / "a.bmp"))
    assert pixel_hash(picture) != pixel_hash(picture.reshape(24, 96))
