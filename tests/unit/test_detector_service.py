"""The detector's step: every frame answered once, bad ones rejected, previews as private as they must be."""

import json

import cv2
import numpy as np
import pytest

from services.detector.preview import render
from services.detector.service import DetectorService
from shared.codec import decode, encode
from shared.config import DetectorSettings
from shared.errors import DecodeError
from shared.messages import Encoding, Faces, Feed, Frame, JobId, Message, Preview, Result, Scope, Zone
from shared.vision.align import crop_face
from shared.vision.faces import FoundFace
from shared.vision.jpeg import jpeg_size
from shared.work import Publish, Reject, Reply, Work
from tests.media import astronaut

FACE = FoundFace((60.0, 40.0, 100.0, 120.0), 0.9, (85, 90, 135, 90, 110, 110, 90, 130, 130, 130))
SMALL = FoundFace((300.0, 200.0, 20.0, 24.0), 0.8, (0.0,) * 10)


class GivenFaces:
    """A detector that finds what it is told to."""

    name = "given"
    remedy = "none needed"

    def __init__(self, *faces):
        self.faces = list(faces)
        self.seen = []

    def detect(self, frame):
        self.seen.append(frame)
        return self.faces


def picture():
    return np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)


def jpeg(image):
    return cv2.imencode(".jpg", image)[1].tobytes()


def frame_header(image, encoding=Encoding.JPEG, **changes):
    values = {
        "camera": "door",
        "run": 1,
        "sequence": 7,
        "live": True,
        "captured_ns": 123,
        "width": image.shape[1],
        "height": image.shape[0],
        "ages": {"capture": 5},
        "encoding": encoding,
        "age_ns": 9,
        "previous": 6,
    }
    return Frame(**(values | changes))


def job(header, payload, previews=frozenset(), number=1):
    return Work(JobId(1, number), Message(header, (payload,)), previews, 0)


def service(detector, **settings):
    made = DetectorService(DetectorSettings(**settings), detector)
    made.warm_up()
    detector.seen.clear()
    return made


def step(detector, work, **settings):
    return list(service(detector, **settings).step([work], 0.0))


def test_frame_without_faces_becomes_a_result():
    image = picture()
    (reply,) = step(GivenFaces(), job(frame_header(image), jpeg(image)))
    assert reply == Reply(
        JobId(1, 1),
        Result(
            camera="door",
            run=1,
            sequence=7,
            live=True,
            captured_ns=123,
            width=320,
            height=240,
            ages={"capture": 5},
            detector="given",
        ),
    )


def test_faces_travel_with_their_crops():
    image = picture()
    (reply,) = step(GivenFaces(FACE, FACE), job(frame_header(image, Encoding.BGR), image.tobytes()))
    message = decode(encode(reply.header, *reply.payload))  # as the wire would carry it
    assert isinstance(message.header, Faces)
    assert message.header.crop == "fer-box-1"
    assert [face.box for face in message.header.faces] == [FACE.box] * 2
    crops = np.frombuffer(message.payload[0], np.uint8).reshape(2, 96, 96)
    assert (crops == crop_face(image, FACE.box, FACE.landmarks)).all()


def test_faces_too_small_stay_behind_and_those_beyond_64_are_counted():
    image = picture()
    work = job(frame_header(image), jpeg(image))
    (reply,) = step(GivenFaces(*[FACE] * 70, SMALL), work)
    assert (len(reply.header.faces), reply.header.excess) == (64, 6)
    (reply,) = step(GivenFaces(SMALL), work)
    assert isinstance(reply.header, Result)
    (reply,) = step(GivenFaces(SMALL), work, min_face=20)
    assert isinstance(reply.header, Faces)


def test_decoded_picture_is_what_the_detector_sees():
    detector = GivenFaces()
    image = astronaut()
    step(detector, job(frame_header(image), jpeg(image)))
    assert np.abs(detector.seen[0].astype(int) - image).mean() < 4


BAD = {
    "empty": b"",
    "text": b"hello, I am no picture",
    "half": jpeg(picture())[:9000],
    "cut before its size": jpeg(picture())[:30],
    "marker without end": b"\xff\xd8\xff\xe0\xff\xff" + b"\0" * 40,
    "another size": jpeg(picture()[:100]),
    "png": cv2.imencode(".png", picture())[1].tobytes(),
    "only a header": jpeg(picture())[:700],
}


@pytest.mark.parametrize("name", set(BAD) - {"half", "only a header"})
def test_bad_picture_is_rejected_with_a_reason(name):
    (reject,) = step(GivenFaces(), job(frame_header(picture()), BAD[name]))
    assert isinstance(reject, Reject)
    assert "JPEG" in reject.reason


@pytest.mark.parametrize("name", ["half", "only a header"])
def test_jpeg_cut_off_in_its_data_is_answered_once(name):
    """Decoders fill in what is missing or refuse; either way the frame is closed."""
    (out,) = step(GivenFaces(), job(frame_header(picture()), BAD[name]))
    assert isinstance(out, Reply | Reject)


def test_random_bytes_never_end_the_process():
    rng = np.random.default_rng(3)
    whole = np.frombuffer(jpeg(picture()), np.uint8)
    detector = service(GivenFaces())
    for number in range(300):
        mutated = whole.copy()
        places = rng.integers(0, 800 if number % 2 else len(whole), 12)
        mutated[places] = rng.integers(0, 256, 12)
        (out,) = detector.step([job(frame_header(picture()), mutated.tobytes())], 0.0)
        assert isinstance(out, Reply | Reject)


def test_giant_frame_is_refused_before_it_is_decoded():
    header = frame_header(picture(), width=16_000, height=16_000)
    (reject,) = step(GivenFaces(), job(header, jpeg(picture())))
    assert "too large" in reject.reason


def test_another_kind_of_message_is_rejected():
    (reply,) = step(GivenFaces(), job(frame_header(picture()), jpeg(picture())))
    (reject,) = step(GivenFaces(), Work(JobId(1, 2), Message(reply.header), frozenset(), 0))
    assert reject == Reject(JobId(1, 2), "a detector works on frames, not on RESULT")


def test_jpeg_size_reads_past_tables_and_metadata():
    for quality, progressive in ((30, 0), (95, 1)):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
        data = cv2.imencode(".jpg", picture(), options)[1].tobytes()
        assert jpeg_size(data) == (320, 240)
        assert jpeg_size(memoryview(data)) == (320, 240)
        comment = data[:2] + b"\xff\xfe\x00\x06abcd" + data[2:]
        assert jpeg_size(comment) == (320, 240)
    with pytest.raises(DecodeError, match="not a JPEG"):
        jpeg_size(b"\x89PNG")


def read_preview(payload):
    length = int.from_bytes(payload[:4], "big")
    header = json.loads(payload[4 : 4 + length])
    return header, cv2.imdecode(np.frombuffer(payload[4 + length :], np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    ("asked", "allowed", "topic"),
    [
        (Preview.BLURRED, "blurred", "preview/blurred/door"),
        (Preview.BLURRED, "clear", "preview/blurred/door"),
        (Preview.CLEAR, "clear", "preview/clear/door"),
    ],
)
def test_preview_is_clear_only_if_the_setting_allows(asked, allowed, topic):
    image = astronaut()
    face = FoundFace((178.0, 65.0, 91.0, 111.0), 0.9, FACE.landmarks)
    outs = step(GivenFaces(face), job(frame_header(image), jpeg(image), frozenset({asked})), preview=allowed)
    reply, publish = outs
    assert isinstance(reply, Reply)
    assert isinstance(publish, Publish)
    assert publish.topic == topic
    header, shown = read_preview(publish.payload)
    assert header == {
        "camera": "door",
        "run": 1,
        "sequence": 7,
        "captured_ns": 123,
        "width": 512,
        "height": 512,
    }
    detail = face_detail(shown)
    assert detail > 8 if topic.startswith("preview/clear") else detail < 3
    assert np.abs(shown[300:].astype(int) - image[300:]).mean() < 5  # the rest is as it was


def test_both_previews_go_out_when_both_are_watched_and_no_clear_one_against_the_setting():
    image = astronaut()
    face = FoundFace((178.0, 65.0, 91.0, 111.0), 0.9, FACE.landmarks)
    asked = job(frame_header(image), jpeg(image), frozenset(Preview))
    _, *published = step(GivenFaces(face), asked, preview="clear")
    detail = {publish.topic: face_detail(read_preview(publish.payload)[1]) for publish in published}
    assert detail["preview/clear/door"] > 8
    assert detail["preview/blurred/door"] < 3
    _, *published = step(GivenFaces(face), asked, preview="blurred")
    assert [publish.topic for publish in published] == ["preview/blurred/door"]


def face_detail(shown):
    """Return how much fine structure the face has, in grey levels."""
    face = cv2.cvtColor(shown, cv2.COLOR_BGR2GRAY)[60:180, 172:275]
    return np.abs(face.astype(float) - cv2.GaussianBlur(face, (0, 0), 5)).mean()


def test_blur_covers_a_fifth_more_than_the_box_and_faces_too_small_to_travel():
    stripes = np.zeros((240, 320, 3), np.uint8)
    stripes[:, ::2] = 255
    _, shown = read_preview(render(frame_header(stripes), stripes, [FACE, SMALL], blurred=True))
    vary = shown[..., 0].astype(float)
    assert vary[30:170, 52:168].std() < 20
    assert vary[198:226, 299:321].std() < 40
    assert vary[30:170, 190:290].std() > 90


def test_blur_takes_faces_outside_the_picture():
    image = picture()
    outside = [
        FoundFace((x, y, 50.0, 60.0), 0.9, FACE.landmarks) for x in (-30, 300, 900) for y in (-400, -20, 230)
    ]
    _, shown = read_preview(render(frame_header(image), image, outside, blurred=True))
    assert shown.shape == image.shape


def test_large_preview_is_reduced_to_640_pixels_and_the_frame_is_left_alone():
    image = cv2.resize(picture(), (1280, 960))
    before = image.copy()
    header, shown = read_preview(render(frame_header(image), image, [FACE], blurred=True))
    assert shown.shape == (480, 640, 3)
    assert (header["width"], header["height"]) == (1280, 960)
    assert (image == before).all()


LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def test_masked_faces_are_dropped_and_zones_named():
    image = picture()
    there = FoundFace((220.0, 90.0, 60.0, 60.0), 0.8, FACE.landmarks)
    scope = Scope(masks=(LEFT_HALF,), zones=(Zone("all", ((0, 0), (1, 0), (1, 1), (0, 1))),), min_face=50)
    header = frame_header(image, scope=scope)
    (reply,) = step(GivenFaces(FACE, there, SMALL), job(header, jpeg(image)), min_face=10)
    (found,) = reply.header.faces
    assert (found.box, found.zones) == (there.box, ("all",))


def test_nobody_sees_what_a_camera_masks_not_even_in_clear_pictures():
    image = np.full((240, 320, 3), 200, np.uint8)
    header = frame_header(image, scope=Scope(masks=(LEFT_HALF,)))
    _, publish = step(GivenFaces(FACE), job(header, jpeg(image), frozenset({Preview.CLEAR})), preview="clear")
    _, shown = read_preview(publish.payload)
    assert shown[:, :150].max() < 20
    assert shown[:, 170:].min() > 180


@pytest.mark.parametrize("allowed", ["blurred", "clear"])
def test_what_the_model_sees_is_shown_only_if_clear_pictures_are_allowed(allowed):
    image = picture()
    work = job(frame_header(image), jpeg(image))._replace(crops=True)
    reply, *shown = step(GivenFaces(FACE, FACE), work, preview=allowed)
    assert len(shown) == (allowed == "clear")
    for publish in shown:
        assert publish.topic == "crop/door"
        message = decode(encode(Feed(topic=publish.topic), publish.payload))  # as the wire would carry it
        data = bytes(message.payload[0])
        head = 4 + int.from_bytes(data[:4], "big")
        assert json.loads(data[4:head]) == {
            "type": "crops",
            "camera": "door",
            "run": 1,
            "sequence": 7,
            "count": 2,
            "side": 96,
        }
        assert data[head:] == bytes(reply.payload[0])
    nobody, *empty = step(GivenFaces(), work, preview="clear")
    assert isinstance(nobody.header, Result)
    assert b'"count": 0' in empty[0].payload


def test_facts_name_the_detector_and_its_remedy():
    facts = {}
    made = DetectorService(DetectorSettings(), GivenFaces(), facts)
    made.warm_up()
    assert facts == {"detector": "given", "preview": "blurred", "remedy": "none needed"}
    assert list(made.idle(0.0)) == []
