"""One webhook message over HTTP: its signature, where it may go, and what the answer means."""

import hashlib
import hmac
import ipaddress
import socket
from base64 import b64encode
from enum import StrEnum
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from shared.config import WebhookSettings

CONNECT_SECONDS: Final = 6.0
"""Shared out among the addresses that are tried."""
ANSWER_SECONDS: Final = 10.0
MAX_ADDRESSES: Final = 3
"""Addresses of one name that are tried."""
SIGNATURE: Final = "Mien-Signature"
RETRIED: Final = frozenset({408, 425, 429})
"""Answers of 4xx that a later attempt may change."""
METADATA: Final = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))
"""Where clouds tell a machine its secrets, beside the link-local address that most of them use."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Targets = Literal["private", "public"]


class Outcome(StrEnum):
    """What came of an attempt, or of a message in the end."""

    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"
    """The receiver says that this will never do."""
    EXPIRED = "expired"
    """It was tried for as long as it made sense."""


class Attempt(NamedTuple):
    """What came of one attempt."""

    outcome: Outcome
    result: str
    """For a person: `200`, or why there is no answer; nothing of the URL or of the answer's body."""


class TargetError(Exception):
    """A name that can't be found, or an address that webhooks may not go to."""


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return the signature header: `t=TIMESTAMP,v1=HEX`, HMAC-SHA256 of `TIMESTAMP.BODY`.

    Args:
        secret: which the receiver knows, too.
        timestamp: seconds since 1970 of this attempt: a receiver refuses old ones.
        body: as it is sent.
    """
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def may_go_to(address: Address, targets: Targets) -> bool:
    """Tell whether webhooks may go to an address: never to link-local ones, where clouds keep secrets."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if targets == "public":
        return address.is_global and not address.is_multicast
    if address.is_loopback:
        return True
    never = address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
    return not never and address not in METADATA


def find_addresses(host: str, port: int, targets: Targets) -> list[str]:
    """Return the addresses of a host that webhooks may go to.

    They are what is connected to, so that the name can't point elsewhere a moment later.

    Raises:
        TargetError: the name is not known, or all of its addresses are out of bounds.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise TargetError("the host's name is not known") from None
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    allowed = [each for each in addresses if may_go_to(ipaddress.ip_address(each), targets)]
    if not allowed:
        raise TargetError(f"webhooks may not go to {addresses[0]} (see dashboard.webhook_targets)")
    return allowed[:MAX_ADDRESSES]


def deliver(
    settings: WebhookSettings, body: bytes, headers: dict[str, str], now: float, targets: Targets
) -> Attempt:
    """POST a message once; blocks for up to some sixteen seconds. Redirects are not followed.

    Args:
        settings: where it goes and what signs it.
        body: JSON.
        headers: beside content type and signature.
        now: seconds since 1970.
        targets: where webhooks may go.
    """
    headers = {"Content-Type": "application/json", "User-Agent": "Mien", **headers}
    if settings.secret:
        headers[SIGNATURE] = sign(settings.secret.get_secret_value(), int(now), body)
    try:
        status = _post(settings.url.get_secret_value(), body, headers, targets)
    except TargetError as error:
        return Attempt(Outcome.RETRY, str(error))
    except (HTTPError, OSError) as error:
        return Attempt(Outcome.RETRY, f"no answer: {type(error).__name__}")
    if 200 <= status < 300:
        return Attempt(Outcome.DELIVERED, str(status))
    again = status >= 500 or status in RETRIED
    return Attempt(Outcome.RETRY if again else Outcome.REFUSED, str(status))


def _post(url: str, body: bytes, headers: dict[str, str], targets: Targets) -> int:
    """Return the status of the answer, whose body is not read."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    headers["Host"] = parts.netloc.rpartition("@")[2]
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    addresses = find_addresses(host, port, targets)
    for address in addresses:
        with _connect(parts.scheme, host, address, port, CONNECT_SECONDS / len(addresses)) as pool:
            try:
                answer = pool.urlopen(
                    "POST", path, body, headers, retries=False, redirect=False, preload_content=False
                )
            except urllib3.exceptions.ConnectTimeoutError:  # or its kind: a connection that is refused
                if address == addresses[-1]:
                    raise
                continue
            answer.close()
            return answer.status
    raise TargetError("the host has no address")


def _connect(scheme: str, host: str, address: str, port: int, seconds: float) -> urllib3.HTTPConnectionPool:
    """Return a pool for one address, which has so many seconds; a certificate must be the host's."""
    timeout = urllib3.Timeout(connect=seconds, read=ANSWER_SECONDS)
    if scheme == "http":
        return urllib3.HTTPConnectionPool(address, port, timeout=timeout)
    return urllib3.HTTPSConnectionPool(
        address, port, timeout=timeout, cert_reqs="CERT_REQUIRED", server_hostname=host, assert_hostname=host
    )
