"""Passwords of cameras show nowhere."""

import pytest

from shared.config import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:hunter2@10.0.0.5:554/ch1", "rtsp://10.0.0.5:554/ch1"),
        ("rtsp://admin@cam/ch1", "rtsp://cam/ch1"),
        ("rtsp://admin:p@ss/w@rd@cam/ch1", "rtsp://cam/ch1"),
        ("http://cam/video?user=admin&pwd=hunter2&size=2", "http://cam/video?user=***&pwd=***&size=2"),
        ("http://cam/video?Password=hunter2", "http://cam/video?Password=***"),
        ("can't open 'rtsp://a:b@cam/1' (and http://c:d@e/)", "can't open 'rtsp://cam/1' (and http://e/)"),
        ("rtsp://cam:554/ch1", "rtsp://cam:554/ch1"),
        ("/home/me/a@b.mp4", "/home/me/a@b.mp4"),
        ("0", "0"),
    ],
)
def test_secrets_go_and_the_rest_stays(text, shown):
    assert redact(text) == shown
