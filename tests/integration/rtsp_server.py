"""A real RTSP server on loopback, for the system's Python (it needs gi and GStreamer's RTSP library).

Run as `/usr/bin/python3 rtsp_server.py PORT`; prints "ready" when it listens. Streams:
    /h264    320x240, 15 frames a second, x264
    /jpeg    the same as motion JPEG
    /frozen  one picture again and again
    /locked  as /h264, for user `user` with password `secret`
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

CAPS = "video/x-raw,width=320,height=240,framerate=15/1"
H264 = (
    "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 config-interval=1"
)
JPEG = "jpegenc ! rtpjpegpay name=pay0"
STREAMS = {
    "/h264": f"videotestsrc is-live=true pattern=ball ! {CAPS} ! {H264}",
    "/jpeg": f"videotestsrc is-live=true pattern=ball ! {CAPS},format=I420 ! {JPEG}",
    "/frozen": f"videotestsrc is-live=true pattern=smpte75 ! {CAPS},format=I420 ! {JPEG}",
    "/locked": f"videotestsrc is-live=true pattern=ball ! {CAPS} ! {H264}",
}


def main():
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])
    server.set_auth(auth())
    for path, pipeline in STREAMS.items():
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(f"( {pipeline} )")
        factory.set_shared(True)
        factory.add_role_from_structure(role("user", may_play=True))
        factory.add_role_from_structure(role("anyone", may_play=path != "/locked"))
        server.get_mount_points().add_factory(path, factory)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


def auth():
    made = GstRtspServer.RTSPAuth.new()
    made.add_basic(GstRtspServer.RTSPAuth.make_basic("user", "secret"), token("user"))
    made.set_default_token(token("anyone"))
    return made


def token(name):
    made = GstRtspServer.RTSPToken.new()
    made.set_string("media.factory.role", name)
    return made


def role(name, may_play):
    """Everyone may ask for a stream (else the server says that there is none); not everyone may play it."""
    made = Gst.Structure.new_empty(name)
    made.set_value("media.factory.access", True)
    made.set_value("media.factory.construct", may_play)
    return made


if __name__ == "__main__":
    main()
