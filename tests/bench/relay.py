"""Processor time per message: Mien's broker beside a plain Python ROUTER that relays the same traffic.

Run it with `python -m tests.bench.relay`. Each frame is three messages in and three out: the frame to a
detector, the result to a recorder, the confirmation back (by Mien's broker as an acknowledgement to the
source). Prints microseconds of the broker's processor time per message and their ratio.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import zmq

from shared.bus import Client
from shared.codec import encode
from shared.config import Settings, load_settings
from shared.messages import SCHEMA, Done, Encoding, Frame, Hello, Job, Output, Result

RUN = 1_700_000_000_000
FRAMES = 3000
MESSAGES_PER_FRAME = 3
PLAIN = """
import sys, zmq
router = zmq.Context().socket(zmq.ROUTER)
router.set(zmq.ROUTER_MANDATORY, 1)
router.bind(sys.argv[1])
onward = {b"source": b"detector", b"detector": b"recorder", b"recorder": b"source"}
while True:
    peer, *parts = router.recv_multipart(copy=False)
    router.send_multipart([onward[peer.bytes], *parts], copy=False)
"""
RESULT = {
    "camera": "bench", "run": RUN, "live": False, "captured_ns": 1, "width": 4, "height": 4,
    "ages": {"capture": 1},
}  # fmt: skip


def hello(service: str, **more: object) -> Hello:
    """Return who the driver plays."""
    return Hello(service=service, instance=service, schema=SCHEMA, window=8, host="h", pid=1, **more)


def through_mien(settings: Settings, payload: bytes) -> None:
    """Send all frames through Mien's broker, one at a time."""
    source = Client(settings.bus, hello("capture", camera="bench", run=RUN, live=False))
    detector, recorder = Client(settings.bus, hello("detector")), Client(settings.bus, hello("recorder"))
    for client in (source, detector, recorder):
        while not client.ready:
            client.receive(0.05)
    for sequence in range(1, FRAMES + 1):
        frame = Frame(
            **RESULT, sequence=sequence, encoding=Encoding.JPEG, age_ns=0, previous=sequence - 1
        )  # fmt: skip
        source.send(frame, payload)
        job = _job(detector)
        detector.send(Output(job=job.job), *encode(Result(**RESULT, sequence=sequence, detector="d")))
        recorder.send(Done(jobs=(_job(recorder).job,)))
        while source.receive(1.0) is None:
            continue
    for client in (source, detector, recorder):
        client.close()


def _job(client: Client) -> Job:
    while (message := client.receive(1.0)) is None or not isinstance(message.header, Job):
        continue
    return message.header


def through_plain(address: str, payload: bytes) -> None:
    """Send the same traffic through the plain relay."""
    sockets = {}
    for name in ("source", "detector", "recorder"):
        sockets[name] = zmq.Context.instance().socket(zmq.DEALER)
        sockets[name].set(zmq.IDENTITY, name.encode())
        sockets[name].linger = 0
        sockets[name].connect(address)
    time.sleep(0.5)
    for sequence in range(1, FRAMES + 1):
        frame = Frame(**RESULT, sequence=sequence, encoding=Encoding.JPEG, age_ns=0, previous=sequence - 1)
        sockets["source"].send_multipart([*encode(frame), payload], copy=False)
        sockets["detector"].recv_multipart(copy=False)
        sockets["detector"].send_multipart(encode(Result(**RESULT, sequence=sequence, detector="d")))
        sockets["recorder"].recv_multipart()
        sockets["recorder"].send_multipart([b"DONE", b"header"])
        sockets["source"].recv_multipart()
    for socket in sockets.values():
        socket.close()


def cpu_microseconds(command: list[str], environment: dict[str, str], traffic: Callable[[], None]) -> float:
    """Return the broker process's processor time per message while the traffic runs."""
    process = subprocess.Popen(command, env=environment)
    try:
        time.sleep(2.0)
        watched = psutil.Process(process.pid)
        before = sum(watched.cpu_times()[:2])
        traffic()
        return (sum(watched.cpu_times()[:2]) - before) / (FRAMES * MESSAGES_PER_FRAME) * 1e6
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Measure both at two payload sizes and print the ratios."""
    for kilobytes in (10, 100):
        payload = bytes(kilobytes * 1024)
        with tempfile.TemporaryDirectory(prefix="mien-relay-") as name:
            settings = load_settings(run_dir=Path(name))
            environment = {"MIEN_RUN_DIR": name, "MIEN_METRICS__PORT": "0", "MIEN_LOG__LEVEL": "error"}
            plain_address = f"ipc://{name}/plain.sock"
            plain = cpu_microseconds(
                [sys.executable, "-c", PLAIN, plain_address],
                {},
                lambda a=plain_address, p=payload: through_plain(a, p),
            )
            mien = cpu_microseconds(
                [sys.executable, "-m", "services.broker"],
                environment,
                lambda s=settings, p=payload: through_mien(s, p),
            )
        print(
            f"{kilobytes:4d} kB: plain {plain:.0f} us, Mien {mien:.0f} us a message, ratio {mien / plain:.2f}"
        )


if __name__ == "__main__":
    main()
