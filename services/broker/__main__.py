"""Wiring of the broker."""

import signal
import sys
import time

from services.broker.dispatch import Limits
from services.broker.policy import Policy
from services.broker.service import Broker
from shared import metrics, process, topology
from shared.beats import Beats
from shared.broker_bus import BrokerSockets
from shared.errors import MienError
from shared.pulse import Pulse
from shared.service import start_process
from shared.store import Store


def main() -> None:
    """Bind the sockets and broker until SIGTERM."""
    instance, settings = start_process(topology.BROKER.name)
    limits = Limits(settings.frames.deadline, settings.frames.lease)
    pulse = Pulse(topology.BROKER.name, instance)
    try:
        broker = Broker(
            Policy(time.time_ns() // 1_000_000, process.host_id(), limits), BrokerSockets(settings.bus)
        )
        port = metrics.start_server(settings.metrics, topology.BROKER.metrics_port, pulse.answer)
    except MienError as error:
        print(f"mien broker: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    pulse.state, broker.on_tick = lambda: "working", pulse.turn
    signal.signal(signal.SIGTERM, lambda *_: broker.stop())
    store = Store(settings.redis, settings.run_dir)
    reporter = Beats(
        settings,
        topology.BROKER.name,
        instance,
        store,
        health=lambda: ("working", broker.report),
        metrics_port=port,
        beating=False,
    )
    reporter.start()
    broker.run()
    reporter.stop()


if __name__ == "__main__":
    main()
