"""The nearest of many references: 8-bit products say which are worth computing exactly."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
from jaxtyping import Bool, Float32, Float64, Int

BLOCK_PRODUCTS = 2**20  # products held at a time, 4 MiB, which a cache holds
EXACT_PAIRS = 128  # pairs computed exactly at a time, likewise
DEVIATIONS = 7  # standard deviations by which an 8-bit product may be off
MOST_CANDIDATES = 64  # of a query, beyond which its float32 products are faster
SMALLEST_WORTH = 2**20  # numbers in the references from which 8-bit products are faster


class Nearest(NamedTuple):
    """The nearest training proteins of n others, the nearest first.

    Attributes:
        row: Rows of the index.
        similarity: Cosines of the centred vectors.
    """

    row: Int[np.ndarray, "n neighbours"]
    similarity: Float64[np.ndarray, "n neighbours"]


class Shortlist:
    """References whose cosines with a query are computed in whole numbers.

    Were the rounding errors of the d products of a cosine independent, each even within half a step
    of query and reference, their sum would exceed 7 standard deviations with a probability below
    exp(-7² / 2), 2e-11 (Hoeffding's bound; a uniform error is as narrow as its variance). Vectors
    that one number dominates, next to which the others round to zero, are no such case: of nearly
    equal references a farther one may then be named. Either way a query's products are its own.

    Args:
        reference: Rows of length 1 or 0.
    """

    def __init__(self, reference: Float32[np.ndarray, "r d"]) -> None:
        self._reference = reference

    def products(
        self, query: Float32[np.ndarray, "n d"]
    ) -> tuple[Float32[np.ndarray, "n r"], Float64[np.ndarray, " n"]]:
        """Return the approximate cosines, and how far those of a query may be off.

        Args:
            query: Rows of length 1.
        """
        session, steps, coarsest = self._session
        (product,) = session.run(None, {session.get_inputs()[0].name: query})
        step = np.abs(query).max(axis=1).astype(np.float64) / steps
        return product, DEVIATIONS * np.sqrt((step**2 + coarsest**2) / 12)

    def warm_up(self) -> None:
        """Make what the products need."""
        _ = self._session

    @cached_property
    def _session(self) -> tuple[ort.InferenceSession, int, float]:
        """Products on one thread, the steps of a query, and the widest step of a reference."""
        from arginator.onnx_graphs import VECTOR_STEPS, WEIGHT_STEPS, Graph  # takes a while

        rows, width = self._reference.shape
        graph = Graph()
        graph.add_integer_product("vectors", "reference", self._reference.T, nonnegative=False)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = ort.InferenceSession(
            graph.serialize(width, rows, {}), options, providers=["CPUExecutionProvider"]
        )
        return session, VECTOR_STEPS, float(np.abs(self._reference).max()) / WEIGHT_STEPS


def find_nearest(
    query: Float32[np.ndarray, "n d"],
    reference: Float32[np.ndarray, "r d"],
    neighbours: int,
    shortlist: Shortlist | None = None,
) -> Nearest:
    """Return the nearest references of each query; of equally near ones the lower rows.

    A query of zeros is near to nothing: its cosines are 0, its rows the lowest.

    Fast products find those that may be among them; their cosines are then computed one by one in
    float64. So neither threads nor the company a query comes in change its answer.

    Args:
        query: Rows of length 1 or 0.
        reference: Rows of length 1 or 0, at least `neighbours` of them.
        neighbours: How many references, at least 1.
        shortlist: Of the references, to take 8-bit products where they are faster.
    """
    row = np.tile(np.arange(neighbours), (len(query), 1))
    similarity = np.zeros((len(query), neighbours))
    some = np.flatnonzero(query.any(axis=1))
    rows = max(1, BLOCK_PRODUCTS // len(reference))
    for start in range(0, len(some), rows):
        block = some[start : start + rows]
        found = _nearest_of_block(query[block], reference, neighbours, shortlist)
        row[block], similarity[block] = found
    return Nearest(row, similarity)


def _nearest_of_block(
    query: Float32[np.ndarray, "n d"],
    reference: Float32[np.ndarray, "r d"],
    neighbours: int,
    shortlist: Shortlist | None,
) -> Nearest:
    """Return the nearest references of a block of queries."""
    if shortlist is None:
        near = _candidates(query @ reference.T, _error(query.shape[1]), neighbours)
    else:
        product, error = shortlist.products(query)
        near = _candidates(product, error[:, None], neighbours)
        crowded = np.count_nonzero(near, axis=1) > MOST_CANDIDATES
        product = query[crowded] @ reference.T
        near[crowded] = _candidates(product, _error(query.shape[1]), neighbours)
    row, column = np.divmod(np.flatnonzero(near), len(reference))
    exact = _cosines(query, reference, row, column)
    order = np.lexsort((column, -exact, row))
    first = np.searchsorted(row, np.arange(len(query)))
    chosen = order[first[:, None] + np.arange(neighbours)]
    return Nearest(column[chosen], np.clip(exact[chosen], -1, 1))


def _candidates(
    product: Float32[np.ndarray, "n r"], error: float | Float64[np.ndarray, "n 1"], neighbours: int
) -> Bool[np.ndarray, "n r"]:
    """Tell which may be among the nearest if each product is off by at most `error`."""
    place = product.shape[1] - neighbours
    floor = np.partition(product, place, axis=1)[:, place, None] - 2 * error
    return np.asarray(product >= floor)


def _error(width: int) -> float:
    """Bound the error of a float32 product of two unit rows.

    References:
        Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1; the eight more
        units cover the rows' own rounding.
    """
    return (width + 8) * 2.0**-23


def _cosines(
    query: Float32[np.ndarray, "n d"],
    reference: Float32[np.ndarray, "r d"],
    row: np.ndarray,
    column: np.ndarray,
) -> Float64[np.ndarray, " p"]:
    """Return the product of each pair of rows in float64."""
    cosine = np.empty(len(row))
    for start in range(0, len(row), EXACT_PAIRS):
        pairs = slice(start, start + EXACT_PAIRS)
        product = query[row[pairs]].astype(np.float64)
        product *= reference[column[pairs]]
        cosine[pairs] = product.sum(axis=1)
    return cosine
