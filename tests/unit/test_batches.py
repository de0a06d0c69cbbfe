"""Any number of crops goes into the prepared batch sizes."""

import numpy as np
import pytest

from shared.vision.batches import CPU_BUCKETS, GPU_BUCKETS, pad, split


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, []),
        (1, [(1, 1)]),
        (2, [(1, 1), (1, 1)]),
        (3, [(3, 4)]),
        (5, [(4, 4), (1, 1)]),
        (7, [(7, 8)]),
        (12, [(8, 8), (4, 4)]),
        (18, [(8, 8), (8, 8), (1, 1), (1, 1)]),
        (64, [(8, 8)] * 8),
    ],
)
def test_on_a_cpu_at_most_a_quarter_of_a_batch_stays_empty(count, expected):
    assert list(split(count, CPU_BUCKETS, 0.25)) == expected


@pytest.mark.parametrize(
    ("count", "expected"), [(2, [(2, 4)]), (17, [(17, 32)]), (70, [(32, 32), (32, 32), (6, 8)])]
)
def test_on_a_gpu_batches_are_filled_up(count, expected):
    assert list(split(count, GPU_BUCKETS, 1.0)) == expected


@pytest.mark.parametrize("buckets", [CPU_BUCKETS, GPU_BUCKETS])
@pytest.mark.parametrize("waste", [0.0, 0.25, 1.0])
def test_every_crop_is_placed_once(waste, buckets):
    for count in range(200):
        parts = list(split(count, buckets, waste))
        assert sum(placed for placed, _ in parts) == count
        assert all(0 < placed <= bucket and bucket in buckets for placed, bucket in parts)


def test_pad_adds_zeros_behind():
    batch = np.ones((2, 3), np.uint8)
    assert pad(batch, 2) is batch
    assert pad(batch, 4).tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0], [0, 0, 0]]
