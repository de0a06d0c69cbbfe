"""A broker whose results queue holds 32 kB, in the product's own loop: full after seconds, not hours."""

from dataclasses import replace

from services.broker.__main__ import main
from shared import topology

if __name__ == "__main__":
    topology.RESULTS = replace(topology.RESULTS, max_bytes=32_000)  # type: ignore[misc]
    main()
