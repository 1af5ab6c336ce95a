"""Sequences asked about: embedded by the models' own language model on the way."""

import numpy as np
import pytest

from arginator.errors import ModelError
from arginator.prediction_inputs import InputReader
from arginator.prott5 import ProtT5


def test_sequences_are_embedded_by_the_language_model_of_the_bundle(folder, tmp_path):
    path = tmp_path / "q.fasta"
    sequences = ["MKTAYIAKQR", "MKT", "A" * 50]
    path.write_text("".join(f">p{row}\n{text}\n" for row, text in enumerate(sequences)))
    (query,) = InputReader("prott5", 16, model=str(folder)).read(path)
    (found,) = ProtT5(str(folder)).embed(sequences)
    expected = np.empty_like(found.matrix)
    expected[list(found.index)] = found.matrix
    assert query.embeddings.ids == ("p0", "p1", "p2")
    np.testing.assert_array_equal(query.embeddings.matrix, expected)


def test_a_language_model_of_another_width_is_refused(folder, tmp_path):
    path = tmp_path / "q.fasta"
    path.write_text(">a\nMKT\n")
    with pytest.raises(ModelError, match="makes vectors of width 16, the models read 1,024"):
        list(InputReader("prott5", 1024, model=str(folder)).read(path))
