"""Protein vectors that carry the ids they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from arginator.errors import DataError


@dataclass(frozen=True)
class Embeddings:
    """Vectors of n proteins.

    Attributes:
        ids: The n protein ids, unique, verbatim as in the input.
        matrix: One row of d numbers a protein; float16 or float32.

    Raises:
        ValueError: The number of ids differs from the number of rows.
    """

    ids: tuple[str, ...]
    matrix: Float[np.ndarray, "n d"]

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.matrix):
            raise ValueError(f"{len(self.ids)} ids for {len(self.matrix)} vectors")

    @property
    def width(self) -> int:
        """Numbers in a vector, d."""
        return int(self.matrix.shape[1])

    def align_to(self, ids: Sequence[str]) -> Embeddings:
        """Return the vectors of `ids`, in that order.

        >>> import numpy as np
        >>> Embeddings(("a", "b"), np.eye(2)).align_to(["b"]).matrix
        array([[0., 1.]])

        Raises:
            DataError: An id has no vector.
        """
        row_of = {name: row for row, name in enumerate(self.ids)}
        missing = [name for name in ids if name not in row_of]
        if missing:
            raise DataError(
                "embeddings",
                f"{len(missing):,} of {len(ids):,} ids have no vector (first: {missing[0]!r})",
            )
        return Embeddings(tuple(ids), self.matrix[[row_of[name] for name in ids]])
