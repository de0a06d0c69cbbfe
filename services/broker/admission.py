"""Who the broker takes in: what a HELLO must say, and what its sender's key must be listed for."""

import logging

from services.broker.roster import Roster
from shared import topology
from shared.events import Sender
from shared.messages import SCHEMA, Hello

logger = logging.getLogger(__name__)


class Admission:
    """Says why a client is not taken in; the empty text means that it is."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._reported: set[tuple[str, str]] = set()
        """(key, service that its owner claimed to be) of those whose refusal is in the log."""

    def refusal(self, hello: Hello, sender: Sender | None) -> str:
        """Return what is wrong with a HELLO, with the remedy.

        Args:
            hello: the message.
            sender: whose key its connection has; None where no keys are in use.
        """
        if hello.schema != SCHEMA:
            return f"messages of version {hello.schema} here, {SCHEMA} at the broker: update the older one"
        if hello.service not in topology.SERVICES:
            return f"unknown service {hello.service!r}"
        if reason := self.wrong_role(hello.service, sender):
            return reason
        if hello.service != topology.CAPTURE.name:
            return "" if hello.camera is None else f"a {hello.service} is no source of a camera"
        if hello.camera is None or hello.run is None:
            return "a source names its camera and run"
        full = self._roster.source_count() >= topology.MAX_CAMERAS and not self._roster.source(hello.camera)
        if not full:
            return ""
        return f"this broker has {topology.MAX_CAMERAS} cameras already: shard cameras over brokers"

    def wrong_role(self, service: str, sender: Sender | None) -> str:
        """Return why the owner of the sender's key may not be this service; the first time also logged."""
        if sender is None or service in sender.roles:
            return ""
        listed = ",".join(sorted(sender.roles))
        reason = f"its key is listed as {listed}, not as {service}, in the broker's bus.authorized_keys_file"
        if service in topology.SERVICES and (sender.key, service) not in self._reported:
            self._reported.add((sender.key, service))
            logger.warning("refused a %s: %s (key %s)", service, reason, sender.key)
        return reason
