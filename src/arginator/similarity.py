"""Similarity of proteins: the cosine of their centred vectors, clusters of it, nearest ones.

A similarity is the float64 dot product of two unit rows, rounded once to float32. Fast float32
blocks find the pairs that matter; pairs within their rounding error are computed again exactly.
So neither block size nor threads nor the order of the two change a similarity, and two functions
never disagree about which side of a limit a pair lies on.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float32, Int
from tqdm import tqdm

BLOCK_ROWS = 2048  # a block of float32 products takes 16 MiB
EXACT_PAIRS = 1024  # pairs computed exactly at a time


def centre_and_scale(matrix: Float[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
    """Subtract the mean row, then scale each row to length 1.

    Rows of zeros carry no information and stay zero, as do rows equal to the mean: they are
    similar to nothing.

    >>> centre_and_scale(np.array([[4.0, 1.0], [2.0, 1.0], [0.0, 0.0], [2.0, 2.0]]))[:3]
    array([[1., 0.],
           [0., 0.],
           [0., 0.]], dtype=float32)
    """
    unit = matrix.astype(np.float32)
    if len(unit) == 0:
        return unit
    unit -= matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
    unit[~matrix.any(axis=1)] = 0
    length = np.sqrt(np.einsum("nd,nd->n", unit, unit, dtype=np.float64))
    length[length == 0] = 1
    unit /= length.astype(np.float32)[:, None]
    return unit


def cluster_by_similarity(
    unit: Float32[np.ndarray, "n d"], max_similarity: float, block_rows: int = BLOCK_ROWS
) -> Int[np.ndarray, " n"]:
    """Return the cluster of each protein, so that no two clusters share a similar pair.

    Clusters are the connected components of the graph whose edges are the pairs more similar than
    `max_similarity` (single linkage). They are numbered from 0 by first appearance.

    Args:
        unit: Rows of length 1 or 0, from `centre_and_scale`.
        max_similarity: Largest similarity of proteins in different clusters, -1 to 1.
        block_rows: Rows of `unit` compared at a time; changes memory and speed only.
    """
    component = np.arange(len(unit))
    blocks = list(_blocks(len(unit), block_rows))
    pairs = [(rows, columns) for rows in blocks for columns in blocks if columns >= rows]
    for (start, stop), (column_start, column_stop) in tqdm(pairs, "clustering", disable=None):
        product = unit[start:stop] @ unit[column_start:column_stop].T
        near = np.nonzero(product > max_similarity - _rounding_error(unit))
        certain = product[near] > max_similarity + _rounding_error(unit)
        row, column = near[0] + start, near[1] + column_start
        component = _join(component, row[certain], column[certain])
        unsure = ~certain & (component[row] != component[column])
        row, column = row[unsure], column[unsure]
        above = _exact_similarity(unit, unit, row, column) > np.float32(max_similarity)
        component = _join(component, row[above], column[above])
    return _number_by_first_appearance(component)


def nearest(
    query: Float32[np.ndarray, "n d"],
    reference: Float32[np.ndarray, "r d"],
    block_rows: int = BLOCK_ROWS,
) -> tuple[Int[np.ndarray, " n"], Float32[np.ndarray, " n"]]:
    """Return the row of the most similar reference of each query, and that similarity.

    Ties go to the lowest row. A query of zeros gets row 0 and similarity 0.

    Args:
        query: Rows of length 1 or 0.
        reference: Rows of length 1 or 0, centred in the same way; at least one.
        block_rows: Rows compared at a time; changes memory and speed only.

    Raises:
        ValueError: There is no reference.
    """
    if len(reference) == 0:
        raise ValueError("no reference to be near to")
    index = np.zeros(len(query), dtype=np.int64)
    similarity = np.zeros(len(query), dtype=np.float32)
    some = np.flatnonzero(query.any(axis=1))
    for start, stop in tqdm(list(_blocks(len(some), block_rows)), "nearest", disable=None):
        rows = some[start:stop]
        index[rows], similarity[rows] = _nearest_in_blocks(query[rows], reference, block_rows)
    return index, similarity


def _nearest_in_blocks(
    query: Float32[np.ndarray, "n d"], reference: Float32[np.ndarray, "r d"], block_rows: int
) -> tuple[Int[np.ndarray, " n"], Float32[np.ndarray, " n"]]:
    """Return the nearest references of one block of queries, going through blocks of references."""
    index = np.zeros(len(query), dtype=np.int64)
    best = np.full(len(query), -np.inf, dtype=np.float32)
    for start, stop in _blocks(len(reference), block_rows):
        product = query @ reference[start:stop].T
        floor = np.maximum(product.max(axis=1), best) - 2 * _rounding_error(query)
        row, column = np.nonzero(product >= floor[:, None])
        exact = _exact_similarity(query, reference, row, column + start)
        order = np.lexsort((column, -exact, row))
        row, first = np.unique(row[order], return_index=True)
        column, exact = column[order][first] + start, exact[order][first]
        nearer = exact > best[row]
        index[row[nearer]], best[row[nearer]] = column[nearer], exact[nearer]
    return index, best


def _blocks(rows: int, block_rows: int) -> Iterator[tuple[int, int]]:
    """Yield start and stop of each run of at most `block_rows` rows."""
    for start in range(0, rows, block_rows):
        yield start, min(start + block_rows, rows)


def _rounding_error(unit: Float32[np.ndarray, "n d"]) -> float:
    """Bound the error of a float32 dot product of two unit rows, summed in any order.

    References:
        Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1; the eight more
        units cover the lengths' own rounding and that of the comparison.
    """
    return float((unit.shape[1] + 8) * 2.0**-24)


def _exact_similarity(
    left: Float32[np.ndarray, "n d"],
    right: Float32[np.ndarray, "r d"],
    left_index: Int[np.ndarray, " p"],
    right_index: Int[np.ndarray, " p"],
) -> Float32[np.ndarray, " p"]:
    """Return the similarity of each pair of rows."""
    similarity = np.empty(len(left_index), dtype=np.float32)
    for start, stop in _blocks(len(left_index), EXACT_PAIRS):
        product = left[left_index[start:stop]].astype(np.float64)
        product *= right[right_index[start:stop]]
        similarity[start:stop] = np.clip(product.sum(axis=1), -1, 1)
    return similarity


def _join(
    component: Int[np.ndarray, " n"], row: Int[np.ndarray, " p"], column: Int[np.ndarray, " p"]
) -> Int[np.ndarray, " n"]:
    """Return the components after joining those of each pair of proteins."""
    left, right = component[row], component[column]
    apart = left != right
    if not apart.any():
        return component
    from scipy.sparse import coo_array  # here, since predicting needs the rest without SciPy
    from scipy.sparse.csgraph import connected_components

    edges = (left[apart], right[apart])
    graph = coo_array((np.ones(len(edges[0]), dtype=bool), edges), shape=2 * component.shape)
    joined = connected_components(graph, directed=False)[1]
    return np.asarray(joined[component], dtype=np.int64)


def _number_by_first_appearance(component: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Number the components from 0 in the order in which they appear."""
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
