"""Passwords of cameras show nowhere."""

import pytest

from shared.config import redact, redact_source


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:hunter2@10.0.0.5:554/ch1", "rtsp://10.0.0.5:554/ch1"),
        ("rtsp://admin@cam/ch1", "rtsp://cam/ch1"),
        ("rtsp://admin:p@ss/w@rd@cam/ch1", "rtsp://cam/ch1"),
        ("http://cam/video?user=admin&pwd=hunter2&size=2", "http://cam/video?user=***&pwd=***&size=2"),
        ("http://cam/video?Password=hunter2", "http://cam/video?Password=***"),
        ("can't open 'rtsp://a:b@cam/1' (and http://c:d@e/)", "can't open 'rtsp://cam/1' (and http://e/)"),
        ("rtsp://admin:it's@cam/1", "rtsp://cam/1"),
        ("rtsp://admin:pa#s?s@cam/1", "rtsp://cam/1"),
        (
            "http://cam/v?loginuse=admin&loginpas=hunter2&rate=3",
            "http://cam/v?loginuse=***&loginpas=***&rate=3",
        ),
        ("rtsp://cam:554/ch1", "rtsp://cam:554/ch1"),
        ("/home/me/a@b.mp4", "/home/me/a@b.mp4"),
        ("0", "0"),
    ],
)
def test_secrets_go_and_the_rest_stays(text, shown):
    assert redact(text) == shown


@pytest.mark.parametrize("password", ["it's", 'a"b', "pa#ss", "pa?ss", "two words", "p@ss/w@rd"])
def test_no_password_shows_of_what_is_known_to_be_a_source(password):
    assert redact_source(f"rtsp://admin:{password}@cam/1?channel=2") == "rtsp://cam/1?channel=2"


def test_a_source_without_a_password_stays():
    for source in ("0", "/home/me/a@b.mp4", "rtsp://cam:554/ch1", "browser"):
        assert redact_source(source) == source
