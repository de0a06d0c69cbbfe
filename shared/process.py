"""What a process settles before it imports anything heavy, and how it ends with its parent."""

import ctypes
import os
import signal
import socket
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_UNKNOWN = "unknown"


def prepare(threads: int) -> None:
    """Set the thread counts of OpenMP and OpenCV; call before cv2, onnxruntime or yuface are imported.

    Without it yuface takes 310 to 440 ms a frame instead of 33 on a busy machine: its OpenMP threads spin
    while they wait for a core.
    """
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["OMP_WAIT_POLICY"] = "passive"
    os.environ["OPENCV_FOR_THREADS_NUM"] = str(threads)
    import cv2

    cv2.setNumThreads(threads)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent thread ends (for `preexec_fn`)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def silence_native_errors() -> None:
    """Send standard error to nowhere for C libraries, while Python's own stays where it was.

    Does nothing where Python's own goes elsewhere already, as in a test.
    """
    if sys.stderr is not sys.__stderr__:
        return
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)


def keep_stdout() -> None:
    """Keep standard output for Python alone: what C libraries write there goes to standard error.

    OpenCV logs to standard output from OPENCV_LOG_LEVEL=INFO on, where a parent expects what it can parse.
    Does nothing where Python's own goes elsewhere already, as in a test.
    """
    if sys.stdout is not sys.__stdout__:
        return
    sys.stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)


def host_id() -> str:
    """Return this host's name and boot."""
    return f"{socket.gethostname()}/{_boot_id()}"


def shares_clock(host: str) -> bool:
    """Say whether the process with this `host_id` runs on this machine, be it in another container."""
    boot = host.rpartition("/")[2]
    return host == host_id() or (boot == _boot_id() and boot != _UNKNOWN)


def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return _UNKNOWN
