"""Products of matrices, by the calling thread alone.

Of larger ones BLAS makes threads' work. Workers keep every core busy already, and on such a machine threads
that wait for each other took 55 ms of processor time for products of 1.5; sums would depend on their number.
"""

import numpy as np
from numpy.typing import NDArray

# OpenBLAS keeps products of up to 2^18 multiplications to itself; these are of 64 columns by 64.
_ROWS_AT_ONCE = 32


def times(rows: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """`rows` (N, d) by `matrix` (d, k)."""
    return np.asarray((_in_blocks(rows) @ matrix).reshape(-1, matrix.shape[1])[: len(rows)], np.float32)


def summed_products(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """(j, k): for `left` (N, j) and `right` (N, k), the outer products of their rows, summed."""
    products = _in_blocks(left).transpose(0, 2, 1) @ _in_blocks(right)
    return np.asarray(products.sum(axis=0), np.float32)


def _in_blocks(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.pad(rows, ((0, -len(rows) % _ROWS_AT_ONCE), (0, 0)))
    return padded.reshape(-1, _ROWS_AT_ONCE, rows.shape[1])
