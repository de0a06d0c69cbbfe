"""Who may connect to the broker, and as what: CURVE keys and their roles."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import zmq
import zmq.auth.thread
import zmq.utils.monitor

from shared.config import BusSettings
from shared.errors import ConfigError
from shared.events import Sender
from shared.sockets import read_key
from shared.topology import DASHBOARD, SERVICES

logger = logging.getLogger(__name__)

_WORK, _FEED = "work", "feed"
"""Authentication domains of the broker's two sockets."""
_MOST_REPORTED: Final = 1000
"""Strange keys named in the log, so that somebody who makes up ever new ones fills neither it nor memory."""
_STRANGERS: Final[Mapping[int, str]] = {
    zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: "without a key",
    zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC: "that takes another key for the broker's",
}


class Guard:
    """Lets listed public keys in, each in its roles; every refused one is reported once.

    Args:
        secret: the broker's secret key.
        roles: Z85 public key → services that its owner may be.
    """

    def __init__(self, secret: bytes, roles: Mapping[str, frozenset[str]]) -> None:
        self._secret, self._roles = secret, roles
        self._refused: set[str] = set()
        self._thread = zmq.auth.thread.ThreadAuthenticator(zmq.Context.instance())
        self._monitors: list[zmq.Socket[bytes]] = []

    @classmethod
    def load(cls, settings: BusSettings) -> Self:
        """Read the key and the list that the settings name.

        Raises:
            ConfigError: one of them is missing or malformed.
        """
        if not settings.authorized_keys_file:
            raise ConfigError(
                "bus.authorized_keys_file: needed beside bus.secret_key_file (lines `role public-key`)"
            )
        assert settings.secret_key_file
        return cls(read_key(settings.secret_key_file), read_roles(settings.authorized_keys_file))

    def protect(self, work: zmq.Socket[bytes], feed: zmq.Socket[bytes]) -> None:
        """Ask for keys on these sockets, which are not bound yet; the feed is for dashboards alone."""
        self._thread.start()
        for socket, domain in ((work, _WORK), (feed, _FEED)):
            self._thread.configure_curve_callback(domain, credentials_provider=self)
            socket.zap_domain = domain.encode()
            socket.curve_server = True
            socket.curve_secretkey = self._secret
            self._monitors.append(socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL))

    def callback(self, domain: str, key: bytes) -> bool:
        """Say whether a client with this public key (Z85) may connect; runs in the authenticator's thread."""
        roles = self._roles.get(key.decode())
        if roles is None:
            self._report(f"refused a client with unknown key {key.decode()}")
            return False
        if domain == _FEED and DASHBOARD.name not in roles:
            self._report(f"refused the feeds to key {key.decode()}: they are for the role {DASHBOARD.name}")
            return False
        return True

    def sender(self, frame: zmq.Frame) -> Sender:
        """Return whose key the connection has that this frame came by."""
        key = str(frame["User-Id"])
        return Sender(key, self._roles.get(key, frozenset()))

    def report_strangers(self) -> None:
        """Log, once for each way, that clients came without a key or with another idea of the broker's."""
        for monitor in self._monitors:
            while monitor.poll(0):
                event = zmq.utils.monitor.recv_monitor_message(monitor)
                how = _STRANGERS.get(int(event["value"]), "that speaks another protocol")
                self._report(f"refused a client {how} at {event['endpoint'].decode()}")

    def close(self) -> None:
        """End the authenticator and the monitors."""
        self._thread.stop()
        for monitor in self._monitors:
            monitor.close(linger=0)

    def _report(self, refusal: str) -> None:
        if refusal not in self._refused and len(self._refused) < _MOST_REPORTED:
            self._refused.add(refusal)
            logger.warning("%s", refusal)


def read_roles(path: Path) -> dict[str, frozenset[str]]:
    """Return the list of a file: public key → roles.

    A line is `role public-key` or, for a key that several services of one host share,
    `role,role public-key`; empty ones and those that begin with `#` don't count.

    Raises:
        ConfigError: unreadable, malformed, an unknown role, or a key that is listed twice.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read bus.authorized_keys_file {path}: {error}") from None
    found: dict[str, frozenset[str]] = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                key, roles = _read_line(line)
                if key in found:
                    raise ValueError("this key is listed twice: join its roles with commas")
            except ValueError as error:
                raise ConfigError(f"{path}:{number}: {error}") from None
            found[key] = roles
    return found


def _read_line(line: str) -> tuple[str, frozenset[str]]:
    words = line.split()
    if len(words) != 2:
        raise ValueError("expected `role public-key`")
    roles = frozenset(words[0].split(","))
    if unknown := roles - set(SERVICES):
        raise ValueError(f"unknown role {min(unknown)!r}: one of {', '.join(SERVICES)}")
    if len(words[1]) != 40:
        raise ValueError(f"{words[1]!r} is no public key (40 characters)")
    return words[1], roles
