"""Pictures and videos of every kind give the right picture or one clear message."""

import cv2
import numpy as np
import pytest
from PIL import Image

from shared.errors import SourceError
from shared.vision.media import Video, as_picture, list_media, read_picture
from tests.media import carphone, cut_off_video

COLOUR = np.dstack([np.full((40, 60), value, np.uint8) for value in (200, 100, 50)])


def save(path, picture, **options):
    assert cv2.imwrite(str(path), picture)
    return path


def test_colour_picture(tmp_path):
    assert (read_picture(save(tmp_path / "a.png", COLOUR)) == COLOUR).all()


def test_grey_alpha_and_16_bit_pictures_become_8_bit_colour(tmp_path):
    grey = read_picture(save(tmp_path / "grey.png", COLOUR[..., 0]))
    assert (grey == 200).all()
    assert grey.shape == (40, 60, 3)
    alpha = np.dstack([COLOUR, np.full((40, 60), 255, np.uint8)])
    assert (read_picture(save(tmp_path / "alpha.png", alpha)) == COLOUR).all()
    deep = COLOUR.astype(np.uint16) * 257
    assert np.abs(read_picture(save(tmp_path / "deep.png", deep)).astype(int) - COLOUR).max() <= 1


@pytest.mark.parametrize(
    ("orientation", "shape"), [(1, (40, 60)), (3, (40, 60)), (6, (60, 40)), (8, (60, 40))]
)
def test_exif_rotation_is_followed(tmp_path, orientation, shape):
    picture = Image.fromarray(COLOUR)
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").shape[:2] == shape


def test_tiny_and_huge_pictures(tmp_path):
    assert read_picture(save(tmp_path / "tiny.png", COLOUR[:1, :1])).shape == (1, 1, 3)
    huge = np.full((6000, 8000, 3), 77, np.uint8)
    assert read_picture(save(tmp_path / "huge.jpg", huge)).shape == (6000, 8000, 3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.jpg", b"", r"empty\.jpg is empty"),
        ("text.jpg", b"not a picture at all", r"text\.jpg is damaged, or not a picture"),
        ("cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", r"cut\.png is damaged, or not a picture"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=message):
        read_picture(tmp_path / name)


def test_missing_picture_and_folder_are_named(tmp_path):
    with pytest.raises(SourceError, match=r"absent\.jpg: No such file"):
        read_picture(tmp_path / "absent.jpg")
    with pytest.raises(SourceError, match="Is a directory"):
        read_picture(tmp_path)


def test_arrays_of_every_kind():
    assert as_picture(COLOUR) is COLOUR
    grey = COLOUR[..., 0]
    alpha = np.dstack([COLOUR, grey])
    for array in (grey, grey[..., None]):
        assert (as_picture(array) == 200).all()
    assert (as_picture(alpha) == COLOUR).all()
    assert (as_picture(COLOUR.astype(np.uint16) * 256) == COLOUR).all()
    assert (as_picture(COLOUR[::-1, ::2]) == COLOUR[::-1, ::2]).all()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3)),
        np.zeros((4, 4, 3), bool),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_other_arrays_are_refused(array):
    with pytest.raises(SourceError, match="a picture's array"):
        as_picture(array)


def test_video_with_stride():
    video = Video(carphone())
    assert video.frames == 120
    frames = list(video.read(50))
    assert [frame.number for frame in frames] == [0, 50, 100]
    assert frames[1].seconds == pytest.approx(50 / video.fps)
    assert frames[0].picture.shape == (144, 176, 3)


def test_no_video_is_named(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("this is a text")
    with pytest.raises(SourceError, match=r"text\.mp4 is not a video"):
        Video(text)
    with pytest.raises(SourceError, match="no such file"):
        Video(tmp_path / "absent.mp4")


def test_cut_off_video_gives_its_frames_then_says_so(tmp_path):
    cut = cut_off_video(tmp_path)
    seen = []
    with pytest.raises(SourceError, match=r"cut\.avi ends after \d+ of \d+ frames"):
        seen.extend(Video(cut).read())
    assert 20 < len(seen) < 80


def test_folder_is_listed_by_name_without_hidden_files(tmp_path):
    for name in ("b.JPG", "a.png", "sub/c.mp4", "notes.txt", ".hidden.jpg", ".cache/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in list_media(tmp_path)] == ["a.png", "b.JPG", "c.mp4"]
    with pytest.raises(SourceError, match="holds no picture or video"):
        list_media(empty_folder(tmp_path))


def empty_folder(parent):
    folder = parent / "empty"
    folder.mkdir()
    return folder
