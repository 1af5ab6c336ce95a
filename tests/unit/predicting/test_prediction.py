"""Prediction: a row a protein that depends on that protein alone."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arginator.calls import combine_opinions, form_opinion
from arginator.embeddings import Embeddings
from arginator.errors import DataError, ModelError
from arginator.loaded_bundles import load_bundle, load_bundles
from arginator.prediction import NO_INFORMATION, Predictor

ZEROS = [3, 49]


@pytest.fixture(scope="module", params=["both", "group", "classes"])
def predictor(request, models):
    task = None if request.param == "both" else request.param
    return Predictor(load_bundles(models, task))


@pytest.fixture(scope="module")
def both(models):
    return Predictor(load_bundles(models))


def scored(table, name):
    """Return a column without the rows that could not be scored."""
    values = table.column(name).to_pylist()
    return [value for row, value in enumerate(values) if row not in ZEROS]


def test_every_protein_has_a_row_in_its_place(predictor, proteins):
    table = predictor.predict(proteins)
    assert table.column("id").to_pylist() == list(proteins.ids)
    assert table.schema == predictor.schema
    assert set(table.column("bundle").to_pylist()) == {predictor.id}


def test_a_vector_of_zeros_is_never_called_anything(predictor, proteins):
    table = predictor.predict(proteins)
    status = table.column("status").to_pylist()
    assert [row for row, text in enumerate(status) if text == NO_INFORMATION] == ZEROS
    assert [row for row, text in enumerate(status) if text == "ok"] == [
        row for row in range(50) if row not in ZEROS
    ]
    for name in table.schema.names[2:-1]:
        column = table.column(name).to_pylist()
        assert [column[row] for row in ZEROS] == [None, None], name


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_a_row_never_depends_on_order_batch_or_neighbours(predictor, proteins, data):
    order = data.draw(st.permutations(range(50)))
    cuts = sorted(data.draw(st.sets(st.integers(1, 49), max_size=6)))
    whole = predictor.predict(proteins).to_pylist()
    rows = []
    for part in np.split(np.array(order), cuts):
        ids = tuple(proteins.ids[row] for row in part)
        rows += predictor.predict(Embeddings(ids, proteins.matrix[part])).to_pylist()
    assert rows == [whole[row] for row in order]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("quantized", [True, False])
def test_a_row_never_depends_on_threads(write_task, proteins, threads, quantized, tmp_path):
    write_task(tmp_path / "group", "group", quantized=quantized)
    folder = tmp_path / "group" / "bundle"
    one = Predictor([load_bundle(folder, 1)]).predict(proteins)
    assert Predictor([load_bundle(folder, threads)]).predict(proteins).equals(one)


def test_probabilities_and_sets_are_those_of_the_calibrated_model(predictor, proteins):
    table = predictor.predict(proteins)
    for bundle in predictor.bundles:
        raw = bundle.model.raw(proteins.matrix)
        expected = np.delete(bundle.model.calibrate(raw), ZEROS, axis=0)
        classes = bundle.manifest.signature.classes
        found = [scored(table, f"{bundle.task}.{name}") for name in classes]
        np.testing.assert_allclose(np.transpose(found), expected, atol=5.1e-5)
        sets = np.delete(bundle.model.sets(raw), ZEROS, axis=0)
        joined = ["|".join(np.array(classes)[row]) for row in sets]
        assert scored(table, f"{bundle.task}.set") == joined


def test_two_models_call_together(both, proteins):
    models = [bundle.model for bundle in both.bundles]
    raw = [model.raw(proteins.matrix) for model in models]
    group, classes = (
        form_opinion(model.calibrate(own), model.sets(own), model.conformal)
        for model, own in zip(models, raw, strict=True)
    )
    expected = combine_opinions(group, classes, ("A", "B"), "hit")
    table = both.predict(proteins)
    kept = [call for row, call in enumerate(expected) if row not in ZEROS]
    assert scored(table, "call") == kept
    assert scored(table, "class") == [call if call in ("A", "B") else None for call in kept]
    assert len(set(kept)) > 2


def test_a_model_alone_calls_what_it_is_sure_of(models, proteins):
    predictor = Predictor(load_bundles(models, "classes"))
    table = predictor.predict(proteins)
    for row in range(50):
        if row in ZEROS:
            continue
        call, members = (table.column(name)[row].as_py() for name in ("call", "classes.set"))
        assert call == (members if members in ("A", "B", "non") else "unclear")


def test_neighbours_are_the_nearest_by_brute_force(both, proteins):
    reference = both.bundles[-1].reference
    query = proteins.matrix - reference.mean
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    cosine = query.astype(np.float64) @ reference.unit.astype(np.float64).T
    order = np.argsort(-cosine, axis=1, kind="stable")
    table = both.predict(proteins)
    for place in range(3):
        expected = [reference.ids[row] for row in order[:, place]]
        kept = [name for row, name in enumerate(expected) if row not in ZEROS]
        assert scored(table, f"neighbour_{place + 1}") == kept
        value = np.delete(np.sort(cosine, axis=1)[:, -1 - place], ZEROS)
        found = scored(table, f"neighbour_{place + 1}.similarity")
        np.testing.assert_allclose(found, value, atol=6e-5)
    novelty = np.delete(reference.score(proteins.matrix), ZEROS)
    np.testing.assert_allclose(scored(table, "novelty"), novelty, atol=5.1e-5)
    assert scored(table, "unlike_training") == (novelty > 0.9).tolist()


def test_without_neighbours_everything_else_stays(models, proteins, both):
    short = Predictor(load_bundles(models), neighbours=False).predict(proteins)
    long = both.predict(proteins)
    left = [name for name in long.schema.names if name not in short.schema.names]
    assert left[0] == "novelty"
    assert all(name.startswith(("novelty", "unlike", "neighbour")) for name in left)
    assert short.equals(long.select(short.schema.names))


def test_no_proteins_give_no_rows(predictor):
    nothing = Embeddings((), np.empty((0, 32), np.float32))
    table = predictor.predict(nothing)
    assert (table.num_rows, table.schema) == (0, predictor.schema)


def test_vectors_of_another_width_are_refused(both):
    with pytest.raises(DataError) as error:
        both.predict(Embeddings(("x",), np.ones((1, 31), np.float32)))
    assert str(error.value) == (
        "vectors: width 31, expected 32 as made by 'kmer-2'; embed the proteins with that"
    )


def test_bundles_that_do_not_belong_together_are_refused(models):
    group, classes = load_bundles(models)
    other = replace(classes.manifest.signature, source="elsewhere")
    stranger = replace(classes, manifest=classes.manifest.model_copy(update={"signature": other}))
    with pytest.raises(ModelError, match=r"^bundles: are of other vectors or data; make both"):
        Predictor([group, stranger])
    with pytest.raises(ModelError, match=r"^bundles: are of kinds binary, binary, expected one"):
        Predictor([group, group])
    with pytest.raises(ModelError, match=r"^bundles: are of kinds none, expected one"):
        Predictor([])


def test_rows_are_plain_types(both):
    kinds = {pa.string(), pa.float64(), pa.bool_()}
    assert {field.type for field in both.schema} == kinds
