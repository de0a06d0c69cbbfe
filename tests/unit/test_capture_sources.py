"""Sources on real files: videos, folders, pictures, whole, odd and damaged."""

import io
import os
from itertools import pairwise

import cv2
import numpy as np
import pytest

from services.capture.picture import MAX_BYTES, encode, fitting_size, make_fit, shrink
from services.capture.pushed import PushedPictures
from services.capture.sources import is_live, kind_of, open_source
from services.capture.stills import pan_matrix
from shared.config import CameraSettings, CaptureSettings
from shared.errors import SourceError
from shared.messages import Encoding
from tests.media import astronaut, carphone
from tests.videos import make_video, number_of, numbered_picture, turn_a_quarter

PIXELS_RED_LEFT = np.zeros((40, 80, 3), np.uint8)
PIXELS_RED_LEFT[:, :40, 2] = 255


def opened(source, **more):
    return open_source(CameraSettings(source=str(source), **more), CaptureSettings())


def read(source, most=1000):
    """Return up to `most` frames as (media_seconds, timeline_seconds, picture)."""
    frames = []
    while len(frames) < most and source.grab():
        picture = source.retrieve()
        if picture is not None:
            frames.append((source.media_seconds, source.timeline_seconds, picture))
    source.close()
    return frames


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("0", "webcam"),
        ("/dev/video2", "webcam"),
        ("rtsp://cam/1", "rtsp"),
        ("RTSPS://cam/1", "rtsp"),
        ("http://cam/1.mjpg", "http"),
        ("https://cam/1.jpg", "http"),
        ("film.mp4", "video"),
        ("file:///tmp/film.MKV", "video"),
        ("photo.JPG", "picture"),
        ("/", "folder"),
    ],
)
def test_a_sources_kind_is_seen_by_its_form(source, kind):
    assert kind_of(source) == kind


@pytest.mark.parametrize(
    ("source", "more", "live"),
    [
        ("0", {}, True),
        ("rtsp://cam/1", {}, True),
        ("film.mp4", {}, False),
        ("film.mp4", {"loop": True}, True),
        ("film.mp4", {"pace": "live"}, True),
        ("film.mp4", {"loop": True, "pace": "recorded"}, False),
        ("/", {}, False),
        ("photo.jpg", {}, True),
        ("photo.jpg", {"pace": "recorded"}, False),
    ],
)
def test_only_what_is_read_once_from_disk_is_recorded(source, more, live):
    assert is_live(CameraSettings(source=source, **more), kind_of(source)) is live


def test_a_video_gives_its_frames_in_order_with_their_times(tmp_path):
    frames = read(opened(make_video(tmp_path / "film.mp4")))
    assert [number_of(picture) for _, _, picture in frames] == list(range(20))
    assert [seconds for seconds, _, _ in frames] == pytest.approx([number / 10 for number in range(20)])


def test_a_looped_video_goes_on_in_time(tmp_path):
    frames = read(opened(make_video(tmp_path / "film.mp4", frames=5), loop=True), most=12)
    assert [number_of(picture) for _, _, picture in frames] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    assert [seconds for seconds, _, _ in frames][4:7] == pytest.approx([0.4, 0.0, 0.1])
    assert [seconds for _, seconds, _ in frames] == pytest.approx([number / 10 for number in range(12)])


def test_a_real_clip_is_read_whole():
    frames = read(opened(carphone()))
    assert len(frames) == 120
    assert frames[0][2].shape == (144, 176, 3)


def test_a_phones_upright_video_is_turned(tmp_path):
    path = turn_a_quarter(make_video(tmp_path / "phone.mp4"))
    assert read(opened(path))[0][2].shape == (96, 64, 3)
    assert read(opened(path, rotate=90))[0][2].shape == (64, 96, 3)


@pytest.mark.parametrize(("degrees", "red"), [(0, "left"), (90, "top"), (180, "right"), (270, "bottom")])
def test_rotation_is_clockwise(tmp_path, degrees, red):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), PIXELS_RED_LEFT)
    picture = read(opened(path, rotate=degrees), most=1)[0][2]
    middle = {"left": (0.5, 0.1), "right": (0.5, 0.9), "top": (0.1, 0.5), "bottom": (0.9, 0.5)}[red]
    y, x = (int(share * side) for share, side in zip(middle, picture.shape[:2], strict=True))
    assert picture[y, x, 2] == 255


def test_a_wider_picture_is_resized_a_narrower_one_is_not(tmp_path):
    path = make_video(tmp_path / "film.mp4")
    assert read(opened(path, width=48))[0][2].shape == (32, 48, 3)
    assert read(opened(path, width=640))[0][2].shape == (64, 96, 3)


@pytest.mark.parametrize("size", [(8000, 6000), (20_000, 10), (10, 20_000), (1, 1), (5000, 1100)])
def test_no_picture_is_too_large_for_a_message(size):
    width, height = fitting_size(*size, None)
    assert width * height * 3 <= MAX_BYTES
    assert max(width, height) <= 16_384
    assert min(width, height) >= 1
    assert width / height == pytest.approx(size[0] / size[1], rel=0.1)


def test_a_picture_that_fits_is_left_alone():
    picture = numbered_picture(3)
    assert shrink(picture, None) is picture
    assert shrink(picture, 96) is picture


def test_payloads_hold_the_picture():
    picture = PIXELS_RED_LEFT
    assert bytes(encode(picture[:, ::-1], Encoding.BGR, 90)) == picture[:, ::-1].tobytes()
    decoded = cv2.imdecode(np.frombuffer(encode(picture, Encoding.JPEG, 95), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - picture)[:, :30].max() < 16


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((30, 40), 128, np.uint8),
        np.full((30, 40, 4), 128, np.uint8),
        np.full((30, 40, 3), 128 * 257, np.uint16),
        np.full((30, 40), 128 * 257, np.uint16),
        np.full((1, 1, 3), 128, np.uint8),
    ],
    ids=["grey", "rgba", "16 bit", "16 bit grey", "1x1"],
)
def test_any_kind_of_pixel_becomes_8_bit_colour(tmp_path, pixels):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), pixels)
    picture = read(opened(path), most=1)[0][2]
    assert picture.dtype == np.uint8
    assert picture.shape == (*pixels.shape[:2], 3)
    assert np.all(np.abs(picture.astype(int) - 128) <= 1)


def test_a_huge_picture_is_made_to_fit(tmp_path):
    path = tmp_path / "photo.jpg"
    cv2.imwrite(str(path), np.zeros((6000, 8000, 3), np.uint8))
    picture = read(opened(path), most=1)[0][2]
    assert picture.nbytes <= MAX_BYTES
    assert picture.shape[1] / picture.shape[0] == pytest.approx(4 / 3, rel=0.01)


def test_a_still_picture_repeats_at_its_rate_when_live_and_comes_once_when_recorded(tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), PIXELS_RED_LEFT)
    assert [at for _, at, _ in read(opened(path), most=3)] == pytest.approx([0, 0.2, 0.4])
    assert [at for _, at, _ in read(opened(path, fps=10), most=3)] == pytest.approx([0, 0.1, 0.2])
    assert len(read(opened(path, pace="recorded"))) == 1


def test_a_folder_is_read_in_natural_order_and_damaged_pictures_are_skipped(tmp_path, caplog):
    for number in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), numbered_picture(number))
    (tmp_path / "3.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("not looked at")
    frames = read(opened(tmp_path, fps=2))
    assert [number_of(picture) for _, _, picture in frames] == [1, 2, 10]
    assert [seconds for seconds, _, _ in frames] == pytest.approx([0, 0.5, 1.5])
    assert "3.png" in caplog.text
    assert [number_of(frame[2]) for frame in read(opened(tmp_path, loop=True), most=5)] == [1, 2, 10, 1, 2]


def test_a_folder_in_which_nothing_can_be_read_says_so(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"no picture")
    for loop in (False, True):
        with pytest.raises(SourceError, match=r"b\.png: not a picture"):
            read(opened(tmp_path, loop=loop))


def test_a_panned_picture_moves_within_a_fixed_view(tmp_path):
    path = tmp_path / "astronaut.png"
    cv2.imwrite(str(path), astronaut())
    views = [picture for _, _, picture in read(opened(path, pan=True, fps=5), most=10)]
    assert {view.shape for view in views} == {(480, 640, 3)}
    moved = [np.abs(one.astype(int) - other).mean() for one, other in pairwise(views)]
    assert min(moved) > 0.5
    assert len(read(opened(path, pan=True, pace="recorded"))) == 1


def test_the_pan_never_leaves_a_face_outside():
    """The middle of the picture's upper half, a portrait's face, stays in view with room around it."""
    for seconds in np.arange(0, 300, 0.5):
        x, y = pan_matrix(float(seconds), (512, 512), (640, 480)) @ (256, 128, 1)
        assert 100 < x < 540
        assert 60 < y < 420


def broken_files(folder):
    make_video(folder / "film.mp4")
    data = (folder / "film.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(data[: len(data) // 2])
    (folder / "text.mp4").write_text("this is not a film\n" * 50)
    (folder / "empty.mp4").touch()
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("this is no picture")
    (folder / "nothing").mkdir()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.mp4", "missing.mp4: no such file; correct"),
        ("cut.mp4", "cut.mp4: not a video that can be read, or cut short"),
        ("text.mp4", "text.mp4: not a video"),
        ("empty.mp4", "empty.mp4: the file is empty"),
        ("empty.png", "empty.png: the file is empty"),
        ("text.png", "text.png: not a picture"),
        ("nothing", "nothing: holds no pictures"),
    ],
)
def test_what_cant_be_read_is_named_in_one_line(tmp_path, capfd, source, message):
    broken_files(tmp_path)
    with pytest.raises(SourceError, match=message) as caught:
        opened(tmp_path / source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/dev/video97", "webcam /dev/video97: no such device"),
        ("97", "webcam /dev/video97: no such device"),
        ("/dev/null", "webcam /dev/null: can't be opened"),
        ("ftp://user:secret@host/film", "'ftp://host/film': unknown scheme"),
        (
            "rtsp://user:secret@127.0.0.1:1/film",
            "rtsp://127.0.0.1:1/film: can't reach 127.0.0.1 port 1 .*refused",
        ),
        ("http://user:secret@127.0.0.1:1/film", "http://127.0.0.1:1/film: can't reach"),
        ("rtsp://user:secret@127.0.0.1:port/film", "not a valid URL"),
        ("rtsp://user:secret@cam..local/film", "'cam..local' can't be a host's name"),
        (f"http://{'c' * 64}.local/film", "'c+.local' can't be a host's name"),
        ("rtsp://nowhere.invalid/film", "can't reach nowhere.invalid port 554"),
    ],
)
def test_an_unreachable_camera_is_named_without_its_password(source, message):
    with pytest.raises(SourceError, match=message) as caught:
        opened(source)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_video_cut_short_gives_what_it_has_and_says_so(tmp_path):
    """AVI keeps its index at the end and its frames in front, so a cut file still opens."""
    data = make_video(tmp_path / "film.avi", size=(640, 480)).read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: int(len(data) * 0.6)])
    source = opened(tmp_path / "cut.avi")
    frames = read(source)
    assert 5 < len(frames) < 18
    assert [number_of(picture) for _, _, picture in frames] == list(range(len(frames)))
    assert f"ended after {len(frames)} of 20 frames" in source.note


def test_what_an_rtsp_opening_needs_is_not_left_behind_for_files(monkeypatch):
    from services.capture.streams import _OPTIONS, _ffmpeg_options

    for before in (None, "timeout;5"):
        monkeypatch.delenv(_OPTIONS, raising=False)
        if before:
            monkeypatch.setenv(_OPTIONS, before)
        with _ffmpeg_options("rtsp_transport;tcp"):
            assert os.environ[_OPTIONS] == "rtsp_transport;tcp"
        assert os.environ.get(_OPTIONS) == before


def test_pushed_pictures_are_read_to_the_end_of_the_pipe():
    whole = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
    framed = [len(part).to_bytes(4, "big") + part for part in (whole, b"no JPEG", whole)]
    source = PushedPictures(
        io.BytesIO(b"".join(framed)), make_fit(CameraSettings(source="browser", rotate=90))
    )
    shapes = []
    while source.grab():
        picture = source.retrieve()
        shapes.append(picture.shape if picture is not None else None)
    assert shapes == [(64, 48, 3), None, (64, 48, 3)]
