"""The nearest of many references: 8-bit products say which are worth computing exactly."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
from jaxtyping import Float32, Float64, Int, Int32

BLOCK_PRODUCTS = 2**21  # products held at a time, 8 MiB
EXACT_PAIRS = 64  # pairs computed exactly at a time, which a cache holds
DEVIATIONS = 7  # standard deviations by which 8-bit products may be off
VECTOR_STEPS, CENTRE = 127, 128  # whole numbers of a query from 1 to 255
MOST_CANDIDATES = 64  # of a query, beyond which its float32 products are faster
SEED = 20261124  # of the rotation, which moves no result
GROUPS = 128  # of references, the best of which bound the nearest from below
Products = Float32[np.ndarray, "n r"] | Int32[np.ndarray, "n r"]
Pairs = tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]  # rows of query, by row, and reference


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

    All vectors are turned by one random rotation, which leaves cosines as they are and spreads what
    a few large numbers hold over all of them, so that little is lost by rounding. The errors of the
    d products of a cosine are then taken as independent, each even within half a step of query and
    reference; their sum exceeds 7 standard deviations with a probability below exp(-7² / 2), 2e-11
    (Hoeffding's bound; a uniform error is as narrow as its variance). What counts is the error of
    the difference of two cosines, √2 times as wide. Each query's products are its own.

    Args:
        reference: Rows of length 1 or 0.

    References:
        Gao and Long 2024, doi:10.1145/3654970, on whole numbers of randomly rotated vectors.
    """

    def __init__(self, reference: Float32[np.ndarray, "r d"]) -> None:
        # Takes a while, and few of the searches need it.
        from arginator.onnx_graphs import WEIGHT_STEPS, serialize_integer_product

        self._rotation = Rotation(reference.shape[1])
        turned = self._rotation.turn(reference)
        self._step = np.abs(turned).max() / np.float32(WEIGHT_STEPS)
        whole = np.rint(turned / self._step).astype(np.int8)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(
            serialize_integer_product(whole.T), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def products(
        self, query: Float32[np.ndarray, "n d"]
    ) -> tuple[Int32[np.ndarray, "n r"], Float64[np.ndarray, " n"]]:
        """Return what is proportional to the cosines of each query, and its unit.

        Args:
            query: Rows of length 1.

        Returns:
            Whole numbers, and by how much two of a query may differ from what two cosines do.
        """
        turned = self._rotation.turn(query)
        step = np.maximum(turned.max(axis=1), -turned.min(axis=1)) / VECTOR_STEPS
        turned /= step[:, None]
        np.rint(turned, out=turned)
        turned += CENTRE
        (product,) = self._session.run(None, {self._input: turned.astype(np.uint8)})
        step = step.astype(np.float64)
        deviation = np.sqrt((step**2 + self._step**2) / 12)
        apart = DEVIATIONS * math.sqrt(2) * deviation + 2 * _error(query.shape[1])
        return product, apart / (step * self._step)


class Rotation:
    """A random rotation of vectors, the same for every width wherever it is made.

    A vector is laid out as a table whose rows and columns are each turned, so that d numbers take
    some 2 d √d products rather than d².

    Args:
        width: Numbers in a vector, d.
    """

    def __init__(self, width: int) -> None:
        rng = np.random.default_rng(SEED)
        rows = max(row for row in range(1, math.isqrt(width) + 1) if width % row == 0)
        self._signs = rng.choice(np.array([-1, 1], np.float32), width)
        self._rows, self._columns = (_orthogonal(side, rng) for side in (rows, width // rows))

    def turn(self, vectors: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
        """Return the vectors turned."""
        n, (rows, columns) = len(vectors), (len(self._rows), len(self._columns))
        table = (vectors * self._signs).reshape(n * rows, columns) @ self._columns
        table = table.reshape(n, rows, columns).transpose(0, 2, 1).reshape(n * columns, rows)
        return np.asarray((table @ self._rows).reshape(n, rows * columns))


def _orthogonal(side: int, rng: np.random.Generator) -> Float32[np.ndarray, "s s"]:
    """Draw a square table whose rows are of length 1 and at right angles."""
    return np.linalg.qr(rng.standard_normal((side, side)))[0].astype(np.float32)


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
        row, column = _candidates(query @ reference.T, 2 * _error(query.shape[1]), neighbours)
    else:
        row, column = _shorten(query, reference, neighbours, shortlist)
    exact = _cosines(query, reference, row, column)
    order = np.lexsort((column, -exact, row))
    first = np.searchsorted(row, np.arange(len(query)))
    chosen = order[first[:, None] + np.arange(neighbours)]
    return Nearest(column[chosen], np.clip(exact[chosen], -1, 1))


def _shorten(
    query: Float32[np.ndarray, "n d"],
    reference: Float32[np.ndarray, "r d"],
    neighbours: int,
    shortlist: Shortlist,
) -> Pairs:
    """Return the pairs that may be among the nearest, by finer products where they are many."""
    row, column = _candidates(*shortlist.products(query), neighbours)
    crowded = np.bincount(row, minlength=len(query)) > MOST_CANDIDATES
    if not crowded.any():
        return row, column
    finer = query[crowded] @ reference.T
    more_row, more_column = _candidates(finer, 2 * _error(query.shape[1]), neighbours)
    few = ~crowded[row]
    row = np.concatenate([row[few], np.flatnonzero(crowded)[more_row]])
    column = np.concatenate([column[few], more_column])
    order = np.argsort(row, kind="stable")
    return row[order], column[order]


def _candidates(
    product: Products, apart: float | Float64[np.ndarray, " n"], neighbours: int
) -> Pairs:
    """Return the pairs that may be among the nearest.

    Args:
        product: In the unit of `apart`.
        apart: How far two products of a row may be from telling which cosine is the larger.
        neighbours: How many are wanted.
    """
    floor = np.asarray(_reached_by(product, neighbours) - apart).astype(product.dtype)
    return np.divmod(np.flatnonzero(product >= floor[:, None]), product.shape[1])


def _reached_by(product: Products, number: int) -> np.ndarray:
    """Return for each row what at least `number` of its products reach, the most or nearly so.

    The best products of groups of columns stand for all: as many groups reach the result as asked.
    """
    rows, columns = product.shape
    width = columns // GROUPS
    if width > 1 and number <= GROUPS:
        whole = product[:, : width * GROUPS].reshape(rows, width, GROUPS).max(axis=1)
        product = np.concatenate([whole, product[:, width * GROUPS :]], axis=1)
    place = product.shape[1] - number
    return np.asarray(np.partition(product, place, axis=1)[:, place])


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
        product = query.take(row[pairs], axis=0).astype(np.float64)
        product *= reference.take(column[pairs], axis=0)
        cosine[pairs] = product.sum(axis=1)
    return cosine
