"""Messages to bytes and back; hostile bytes give a DecodeError and nothing else."""

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codec import MAX_HEADER_BYTES, decode, encode
from shared.errors import DecodeError
from shared.messages import HEADERS, Beat, Encoding, Face, Faces, Feed, Frame, Header, JobId, Output, Result

FACE = Face(box=(1.0, 2.0, 30.0, 40.0), score=0.9, landmarks=(1.0,) * 10)
COMMON = {
    "camera": "door",
    "run": 5,
    "sequence": 7,
    "live": True,
    "captured_ns": 1,
    "width": 4,
    "height": 2,
    "ages": {"capture": 3},
}
FRAME = Frame(**COMMON, encoding=Encoding.BGR, age_ns=0, previous=6)
FACES = Faces(**COMMON, detector="d", crop="fer-box-1", faces=(FACE, FACE))


@pytest.mark.parametrize(
    ("header", "payload"),
    [(FRAME, [bytes(24)]), (FACES, [bytes(2 * 96 * 96)]), (Result(**COMMON, detector="d"), [])],
)
def test_a_message_comes_back_as_it_went(header: Header, payload: list[bytes]) -> None:
    message = decode(encode(header, *payload))
    assert message.header == header
    assert [bytes(part) for part in message.payload] == payload


def test_an_envelope_keeps_the_inner_message_as_it_is() -> None:
    inner = encode(FRAME, bytes(24))
    message = decode(encode(Output(job=JobId(1, 2)), *inner))
    assert list(message.payload) == inner


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ([b"FRAME"], "at least a kind and a header"),
        ([b"NONSENSE", b"\x80"], "unknown message kind"),
        (encode(FRAME, bytes(23)), "23 bytes where its header says 24"),
        (encode(FRAME), "0 payload part"),
        (encode(FACES, bytes(96 * 96)), "payload has 9216 bytes"),
        ([b"BEAT", bytes(MAX_HEADER_BYTES + 1)], "header of"),
        (encode(Output(job=JobId(1, 2)), b"only"), "2 or 3 parts"),
    ],
)
def test_what_is_wrong_with_a_message_is_named(parts: list[bytes], complaint: str) -> None:
    with pytest.raises(DecodeError, match=complaint):
        decode(parts)


@pytest.mark.parametrize(
    "change",
    [
        {"camera": "Door"},
        {"camera": "a" * 41},
        {"run": 0},
        {"sequence": -1},
        {"sequence": 2**60},
        {"width": 100_000},
        {"live": "yes"},
        {"ages": {f"stage{n}": 1 for n in range(17)}},
        {"surprise": 1},
        {"age_ns": None},
    ],
)
def test_a_field_out_of_range_is_refused(change: dict[str, object]) -> None:
    parts = encode(FRAME, bytes(24))
    fields = msgpack.unpackb(parts[1]) | change
    with pytest.raises(DecodeError):
        decode([parts[0], msgpack.packb(fields), parts[2]])


READING = {
    "box": [1.0, 2.0, 30.0, 40.0],
    "score": 0.9,
    "landmarks": [1.0] * 10,
    "emotion": "calm",
    "certain": True,
    "probabilities": [0.8, 0.2],
}
RESULT_OF_ONE = {**COMMON, "detector": "d", "labels": ["calm", "wild"], "faces": [READING]}


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ["calm"]},
        {"labels": []},
        {"labels": ["calm", "wild", "odd"]},
        {"faces": [READING, {**READING, "probabilities": [0.5, 0.3, 0.2]}]},
        *({"faces": [{**READING, "box": [1.0, 2.0, width, height]}]} for width, height in
          [(30.0, 0.0), (0.0, 40.0), (30.0, -40.0), (1e-300, 1e-300), (float("nan"), 40.0)]),
    ],
)  # fmt: skip
def test_a_result_that_a_recorder_could_not_follow_is_refused(change: dict[str, object]) -> None:
    assert decode([b"RESULT", msgpack.packb(RESULT_OF_ONE)])
    with pytest.raises(DecodeError):
        decode([b"RESULT", msgpack.packb(RESULT_OF_ONE | change)])


@given(st.lists(st.binary(max_size=200), max_size=4))
@settings(max_examples=300)
def test_random_parts_give_a_decode_error_or_a_message(parts: list[bytes]) -> None:
    try:
        decode(parts)
    except DecodeError:
        return
    assert parts[0] in HEADERS


@given(
    st.sampled_from(sorted(HEADERS)),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=6),
        max_leaves=12,
    ),
)
@settings(max_examples=500)
def test_well_packed_nonsense_gives_a_decode_error_or_a_message(kind: bytes, value: object) -> None:
    try:
        message = decode([kind, msgpack.packb(value)])
    except DecodeError:
        return
    assert message.header.kind == kind


def test_optional_fields_may_be_left_out() -> None:
    fields = {"service": "detector", "instance": "d", "sent_ns": 4}
    assert decode([b"BEAT", msgpack.packb(fields)]).header == Beat(
        service="detector", instance="d", sent_ns=4
    )


def test_a_feed_may_not_name_a_topic_of_its_own() -> None:
    with pytest.raises(DecodeError):
        decode([b"FEED", encode(Feed(topic="result/door"))[1].replace(b"result", b"rEsult"), b""])
