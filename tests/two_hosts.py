"""Two hosts on one machine: network namespaces, and a wire whose packets a test may delay or lose.

The kernel's own netem is not built into every kernel, so the wire's two veth pairs end in this process, which
carries every Ethernet frame from one to the other.
"""

import array
import fcntl
import heapq
import os
import random
import select
import shutil
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_ALL_PROTOCOLS = 3  # linux/if_ether.h: ETH_P_ALL
_OUTGOING = 4  # linux/if_packet.h: PACKET_OUTGOING
_SIOCETHTOOL, _TX_CHECKSUMS = 0x8946, 0x17  # linux/sockios.h; linux/ethtool.h: ETHTOOL_STXCSUM


def why_not() -> str | None:
    """Return why this machine can't have two hosts; None: it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "unshare"):
        if shutil.which(tool) is None:
            return f"`{tool}` is missing (Debian: iproute2, util-linux)"
    name = f"mien-try-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if tried.returncode:
        return f"no network namespaces here: {tried.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", name], check=True)
    return None


class Wire:
    """Carries Ethernet frames between two interfaces, each way after `delay_seconds`, some lost.

    Attributes:
        delay_seconds: one way.
        loss: share of the packets, 0 to 1.
        is_cut: nothing comes through.
        carried_bytes: so far, both ways.
    """

    def __init__(self, interfaces: tuple[str, str], seed: int = 1) -> None:
        self.delay_seconds, self.loss, self.is_cut, self.carried_bytes = 0.0, 0.0, False, 0
        self._random = random.Random(seed)
        self._ends = [
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS)) for _ in "ab"
        ]
        for end, name in zip(self._ends, interfaces, strict=True):
            end.setblocking(False)
            end.bind((name, _ALL_PROTOCOLS))
        self._under_way: list[tuple[float, int, socket.socket, bytes]] = []
        self._count = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wire")
        self._thread.start()

    def close(self) -> None:
        """Stop carrying."""
        self._over.set()
        self._thread.join()
        for end in self._ends:
            end.close()

    def _run(self) -> None:
        while not self._over.is_set():
            due = self._under_way[0][0] - time.monotonic() if self._under_way else 0.1
            ready, _, _ = select.select(self._ends, [], [], min(0.1, max(0.0, due)))
            for end in ready:
                self._take(end, self._ends[1 - self._ends.index(end)])
            while self._under_way and self._under_way[0][0] <= time.monotonic():
                _, _, end, data = heapq.heappop(self._under_way)
                try:
                    end.send(data)
                except OSError:  # no room: lost, as on any wire
                    continue
                self.carried_bytes += len(data)

    def _take(self, end: socket.socket, other: socket.socket) -> None:
        try:
            while True:
                data, address = end.recvfrom(65_535)
                if address[2] == _OUTGOING or self.is_cut or self._random.random() < self.loss:
                    continue
                self._count += 1
                heapq.heappush(
                    self._under_way, (time.monotonic() + self.delay_seconds, self._count, other, data)
                )
        except OSError:  # no more for now, or the interface has gone
            return


class Host:
    """One of the two: a network namespace with an address, a name, a boot id and perhaps a wrong wall clock.

    Args:
        name: its host name.
        address: its own, in 10.77.0.0/24.
        folder: for its files.
        clock_ahead_seconds: of its Python processes' wall clock.
    """

    def __init__(self, name: str, address: str, folder: Path, clock_ahead_seconds: float = 0.0) -> None:
        self.name, self.address = name, address
        self.namespace = f"mien-{os.getpid()}-{address.rpartition('.')[2]}"
        self.wire_end = f"mw{os.getpid() % 100_000}-{address.rpartition('.')[2]}"
        self._folder = folder / name
        self._folder.mkdir()
        (self._folder / "boot_id").write_text(f"00000000-0000-4000-8000-{hash(name) % 10**12:012d}\n")
        (self._folder / "sitecustomize.py").write_text(
            "import time\n"
            f"_ns, _s, _ahead = time.time_ns, time.time, {clock_ahead_seconds}\n"
            "time.time_ns = lambda: _ns() + int(_ahead * 1e9)\n"
            "time.time = lambda: _s() + _ahead\n"
        )
        self.processes: list[subprocess.Popen[bytes]] = []

    def plug_in(self) -> None:
        """Make the namespace and its end of the wire."""
        inside = f"{self.wire_end}i"
        _ip("netns", "add", self.namespace)
        _ip("link", "add", self.wire_end, "type", "veth", "peer", "name", inside)
        _fill_in_checksums(inside)
        _ip("link", "set", inside, "netns", self.namespace, "name", "eth0")
        _ip("link", "set", self.wire_end, "up")
        for line in (f"addr add {self.address}/24 dev eth0", "link set eth0 up", "link set lo up"):
            _ip("-n", self.namespace, *line.split())

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Start a process on this host; its output goes to a file in the host's folder."""
        script = (
            f"hostname {self.name} && mount --bind {self._folder}/boot_id /proc/sys/kernel/random/boot_id "
            '&& exec "$@"'
        )
        variables = {**os.environ, "PYTHONPATH": f"{self._folder}:{os.getcwd()}", **environment}
        wrapper = ["ip", "netns", "exec", self.namespace, "unshare", "--uts", "sh", "-c", script, "sh"]
        with open(self._folder / f"{len(self.processes)}.log", "wb") as log:
            process = subprocess.Popen([*wrapper, *command], env=variables, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def get(self, url: str) -> str:
        """Return what a URL answers to this host."""
        code = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=10).read().decode())"
        command = ["ip", "netns", "exec", self.namespace, "python3", "-c", code, url]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def texts(self) -> str:
        """Return what its processes have printed."""
        return "\n".join(f"{path}:\n{path.read_text()}" for path in sorted(self._folder.glob("*.log")))

    def unplug(self) -> None:
        """End its processes, in the reverse order, and remove the namespace."""
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        subprocess.run(["ip", "link", "delete", self.wire_end], capture_output=True)
        subprocess.run(["ip", "netns", "delete", self.namespace], capture_output=True)


class TwoHosts:
    """Both hosts and the wire, while the context is entered."""

    def __init__(self, near: Host, far: Host) -> None:
        self.near, self.far = near, far
        self._wire: Wire | None = None

    @property
    def wire(self) -> Wire:
        """What lies between them."""
        assert self._wire
        return self._wire

    def __enter__(self) -> Self:
        try:
            self.near.plug_in()
            self.far.plug_in()
            self._wire = Wire((self.near.wire_end, self.far.wire_end))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.near.texts(), self.far.texts())
        self.near.unplug()
        self.far.unplug()
        if self._wire:
            self._wire.close()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _fill_in_checksums(interface: str) -> None:
    """Have the kernel do the work that it else leaves to network cards: whole packets go over the wire."""
    wanted = array.array("B", struct.pack("II", _TX_CHECKSUMS, 0))
    request = struct.pack("16sP16x", interface.encode(), wanted.buffer_info()[0])
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCETHTOOL, request)
