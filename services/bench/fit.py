"""Least squares without negative answers: what each unit of each quantity costs."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np


def fit(rows: Sequence[Sequence[float]], totals: Sequence[float]) -> list[float]:
    """Return the cost, 0 or more, of a unit of each column, so that the rows come to their totals.

    Errors count relative to the totals: a small load's cost is to be as right as a large one's. With the few
    columns there are, trying every set of those that cost anything is the plainest exact way.

    Args:
        rows: quantities, one row a measurement.
        totals: what each measurement cost; those of 0 count absolutely.
    """
    wanted = np.asarray(totals, np.float64)
    scale = np.where(wanted > 0, wanted, 1.0)
    table = np.asarray(rows, np.float64) / scale[:, None]
    target = wanted / scale
    best, least = np.zeros(table.shape[1]), float(np.square(target).sum())
    for count in range(1, table.shape[1] + 1):
        for columns in map(list, combinations(range(table.shape[1]), count)):
            costs = np.linalg.lstsq(table[:, columns], target, rcond=None)[0]
            error = float(np.square(table[:, columns] @ costs - target).sum())
            if costs.min() >= 0 and error < least - 1e-12:
                best, least = np.zeros(table.shape[1]), error
                best[columns] = costs
    return [float(cost) for cost in best]
