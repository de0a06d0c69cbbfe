"""Splits any number of crops over the few batch sizes that a network is prepared for."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

GPU_BUCKETS: Final = (1, 4, 8, 16, 32)
CPU_BUCKETS: Final = (1, 4, 8)
"""Batch sizes a network is built for; anything else would rebuild or retrace it in the middle of work.

On a CPU MobileNetV2 takes as long for each crop of 32 as for each of 8 (1.9 ms, one thread), and every size
costs some 10 MB.
"""


def split(count: int, buckets: Sequence[int], waste: float) -> Iterator[tuple[int, int]]:
    """Give (crops, bucket) until `count` crops are placed.

    Args:
        count: crops to place.
        buckets: batch sizes, ascending, the first 1.
        waste: share of a bucket that may stay empty. On a CPU an empty place costs as much as a full one; a
        GPU hardly notices it.
    """
    while count > 0:
        fitting = next((bucket for bucket in buckets if bucket >= count), buckets[-1])
        if fitting < count or (fitting - count) / fitting > waste:
            fitting = max(bucket for bucket in buckets if bucket <= count)
        yield min(count, fitting), fitting
        count -= fitting


def pad(batch: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return the batch filled up with zeros to this many rows."""
    if len(batch) == size:
        return batch
    padded = np.zeros((size, *batch.shape[1:]), np.uint8)
    padded[: len(batch)] = batch
    return padded
