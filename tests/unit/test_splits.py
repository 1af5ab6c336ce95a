"""Similar proteins stay together, and the audit says how far apart the folds are."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.params import Bands, FoldFractions, SplitParams
from arginator.prepared import Prepared, Provenance
from arginator.similarity import centre_and_scale
from arginator.splits import read_splits, split, write_splits

FOLDS = ("train", "validation", "calibration", "test")


def make_params(method="cluster", max_similarity=0.5):
    """Return parameters with folds of 70, 10, 10 and 10 %."""
    fractions = FoldFractions(train=0.7, validation=0.1, calibration=0.1, test=0.1)
    return SplitParams(
        method=method,
        cluster_by="embedding",
        max_similarity=max_similarity,
        max_identity=0.4,
        largest_share=1.0,
        bands=Bands(near=0.3, far=0.2),
        fractions=fractions,
    )


def make_prepared(family, label_of_family, seed=0, spread=0.1, given_folds=None, simulated=False):
    """Return proteins that lie around the centre of their family."""
    rng = np.random.default_rng(seed)
    family = np.asarray(family)
    centre = rng.normal(size=(family.max() + 1, 64))
    matrix = (centre[family] + spread * rng.normal(size=(len(family), 64))).astype(np.float32)
    n = len(family)
    labels = tuple(label_of_family[number] for number in family)
    about = Provenance(
        "toy", "Toy", simulated, "", "", "", "kmer", {name: name for name in sorted(set(labels))}
    )
    return Prepared(
        Embeddings(tuple(f"p{row:03d}" for row in range(n)), matrix),
        labels,
        (None,) * n,
        (None,) * n,
        given_folds or (None,) * n,
        (None,) * n,
        about,
    )


@st.composite
def collections(draw):
    """Draw arguments of `make_prepared`: two or three classes of at least four families."""
    classes, each = draw(st.integers(2, 3)), draw(st.integers(4, 8))
    size = draw(st.lists(st.integers(1, 12), min_size=classes * each, max_size=classes * each))
    family = np.repeat(np.arange(len(size)), size)
    seed, spread = draw(st.integers(0, 1000)), draw(st.sampled_from([0.05, 0.3, 1.0]))
    return family, ["ABC"[number % classes] for number in range(len(size))], seed, spread


@given(collections(), st.floats(0.6, 0.95), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_no_held_out_protein_is_more_similar_to_training_than_the_limit(collection, limit, seed):
    prepared = make_prepared(*collection)
    folds = split(prepared, make_params(max_similarity=limit), seed).folds
    unit = centre_and_scale(prepared.embeddings.matrix).astype(np.float64)
    train = folds.fold_mask("train")
    assert (unit[~train] @ unit[train].T).max() <= limit + 1e-6


@given(collections(), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_no_cluster_sits_in_two_folds_and_no_class_is_missing_from_one(collection, seed):
    prepared = make_prepared(*collection)
    folds = split(prepared, make_params(max_similarity=0.8), seed).folds
    fold_of = dict(zip(folds.cluster.tolist(), folds.fold, strict=True))
    assert [fold_of[cluster] for cluster in folds.cluster.tolist()] == list(folds.fold)
    labels = set(prepared.labels)
    assert all(set(folds.select(prepared, fold).labels) == labels for fold in FOLDS)


@given(collections(), st.sampled_from(["cluster", "random"]))
@settings(max_examples=20, deadline=None)
def test_the_similarity_to_training_is_that_of_the_nearest_training_protein(collection, method):
    prepared = make_prepared(*collection)
    folds = split(prepared, make_params(method, 0.8), 1).folds
    unit = centre_and_scale(prepared.embeddings.matrix).astype(np.float64)
    train = folds.fold_mask("train")
    expected = np.where(train, np.nan, (unit @ unit[train].T).max(axis=1))
    np.testing.assert_allclose(folds.similarity_to_train, expected, atol=1e-6)


def make_eight_families():
    """Return two classes of four families with ten proteins each."""
    return make_prepared(np.repeat(np.arange(8), 10), "AAAABBBB", spread=0.01, simulated=True)


def test_the_audit_counts_proteins_and_clusters():
    audit = split(make_eight_families(), make_params(), 0).audit
    similarity, bands = audit.pop("similarity_to_train"), audit.pop("bands")
    to_validation = audit.pop("similarity_to_validation")
    ten = {"proteins": 20, "A": 10, "B": 10}
    assert audit == {
        "source": "toy (simulated)",
        "method": "cluster",
        "claims": True,
        "cluster_by": "embedding",
        "max_similarity": 0.5,
        "clusters": 8,
        "largest_cluster": 10,
        "folds": {fold: ten for fold in FOLDS},
        "clusters_per_class": {fold: {"A": 1, "B": 1} for fold in FOLDS},
        "effective_clusters": {fold: {"A": 1.0, "B": 1.0} for fold in FOLDS},
        "band_limits": {"near": 0.3, "far": 0.2},
        "leak_score": dict.fromkeys(FOLDS[1:], 0.0),
        "above_limit": 0,
    }
    assert list(similarity) == list(bands) == ["validation", "calibration", "test"]
    assert list(to_validation) == ["calibration", "test"]
    rows = [*similarity.values(), *to_validation.values()]
    assert all(row["median"] <= row["p95"] <= row["max"] < 0.5 for row in rows)
    assert all(value == round(value, 4) for row in rows for value in row.values())


def test_a_random_split_ignores_clusters_flatters_and_is_not_for_claims():
    audit = split(make_eight_families(), make_params("random"), 0).audit
    assert (audit["method"], audit["claims"], audit["clusters"]) == ("random", False, 8)
    assert audit["folds"]["test"] == {"proteins": 8, "A": 4, "B": 4}
    assert audit["above_limit"] == 24
    assert audit["leak_score"] == dict.fromkeys(FOLDS[1:], 1.0)
    assert audit["bands"]["test"] == {"near": 8, "middle": 0, "far": 0}
    assert audit["similarity_to_train"]["test"]["median"] > 0.99


@given(collections(), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_leak_scores_and_bands_are_counts_of_similarities_to_training(collection, limit):
    prepared = make_prepared(*collection)
    result = split(prepared, make_params("random", limit), 0)
    similarity, fold = result.folds.similarity_to_train, np.array(result.folds.fold)
    for name in FOLDS[1:]:
        found = similarity[fold == name]
        leaks = sum(value > np.float32(limit) for value in found)
        assert result.audit["leak_score"][name] == round(float(leaks / len(found)), 4)
        assert result.audit["bands"][name] == {
            "near": sum(found >= np.float32(0.3)),
            "middle": sum((found >= np.float32(0.2)) & (found < np.float32(0.3))),
            "far": sum(found < np.float32(0.2)),
        }


def test_given_folds_are_taken_as_they_are():
    given_folds = tuple(np.repeat(FOLDS * 2, 10).tolist())
    prepared = make_prepared(np.repeat(np.arange(8), 10), "AAAABBBB", given_folds=given_folds)
    result = split(prepared, make_params("given"), 0)
    assert result.folds.fold == given_folds
    assert (result.audit["method"], result.audit["claims"]) == ("given", True)


@pytest.mark.parametrize(("limit", "claims"), [(0.9, True), (0.91, False), (1.0, False)])
def test_a_limit_that_lets_near_copies_into_training_is_not_for_claims(limit, claims):
    audit = split(make_eight_families(), make_params(max_similarity=limit), 0).audit
    assert audit["claims"] is claims


def test_held_out_proteins_with_a_relative_in_training_are_counted_where_families_are_named():
    prepared = make_eight_families()
    assert "relatives_in_training" not in split(prepared, make_params(), 0).audit
    named = tuple("x" if row in (0, 10, 20, 30, 40) else f"{row}" for row in range(79))
    result = split(replace(prepared, given_clusters=(*named, None)), make_params(), 0)
    fold = np.array(result.folds.fold)[[0, 10, 20, 30, 40]]
    assert result.audit["relatives_in_training"] == {
        name: int((fold == name).sum()) if "train" in fold else 0 for name in FOLDS[1:]
    }


def test_given_folds_with_similar_proteins_on_both_sides_are_refused():
    given_folds = tuple(FOLDS[row % 4] for row in range(20))
    prepared = make_prepared([row // 4 for row in range(20)], "AAAAA", given_folds=given_folds)
    with pytest.raises(DataError) as caught:
        split(prepared, make_params("given"), 0)
    unit = centre_and_scale(prepared.embeddings.matrix)
    place = np.arange(20) % 4
    is_asked = np.isin(place, [0, 1]) & (place[:, None] > place)  # held out, train or validation
    similarity = np.where(is_asked, unit @ unit.T, -1)
    names = " and ".join(
        f"'p{row:03d}' of {given_folds[row]}"
        for row in np.unravel_index(similarity.argmax(), similarity.shape)
    )
    assert str(caught.value) == (
        "data set 'toy': 15 of 15 held-out proteins are more similar than 0.5 to a protein that "
        f"the model is trained on or chosen by (worst: {names}, {similarity.max():.4f}); "
        "put them into one fold, raise split.max_similarity or set split.method to cluster"
    )


@given(st.sampled_from(["calibration", "test"]), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_given_folds_that_judge_by_copies_of_validation_are_always_refused(fold, seed):
    given_folds = tuple(np.repeat(FOLDS, 5).tolist())
    prepared = make_prepared(range(20), "A" * 20, seed, given_folds=given_folds)
    matrix = prepared.embeddings.matrix.copy()
    first, start = given_folds.index("validation"), given_folds.index(fold)
    copies = slice(start, start + 5)
    noise = np.random.default_rng(seed).normal(size=(5, matrix.shape[1]))
    matrix[copies] = matrix[first : first + 5] * (1 + 0.01 * noise)
    prepared = replace(prepared, embeddings=Embeddings(prepared.embeddings.ids, matrix))
    unit = centre_and_scale(matrix)
    exact = (unit[copies].astype(np.float64) * unit[first : first + 5]).sum(axis=1)
    similarity = exact.astype(np.float32)
    worst = int(similarity.argmax())
    with pytest.raises(DataError) as caught:
        split(prepared, make_params("given", 0.9), 0)
    assert str(caught.value) == (
        "data set 'toy': 5 of 15 held-out proteins are more similar than 0.9 to a protein that "
        f"the model is trained on or chosen by (worst: 'p{start + worst:03d}' of {fold} and "
        f"'p{first + worst:03d}' of validation, {similarity[worst]:.4f}); "
        "put them into one fold, raise split.max_similarity or set split.method to cluster"
    )


@given(collections())
@settings(max_examples=20, deadline=None)
def test_no_test_or_calibration_protein_is_a_near_copy_of_a_validation_protein(collection):
    prepared = make_prepared(*collection)
    result = split(prepared, make_params(max_similarity=0.8), 3)
    unit = centre_and_scale(prepared.embeddings.matrix).astype(np.float64)
    validation = unit[result.folds.fold_mask("validation")]
    for fold, measured in result.audit["similarity_to_validation"].items():
        highest = (unit[result.folds.fold_mask(fold)] @ validation.T).max()
        assert measured["max"] == pytest.approx(highest, abs=1e-4)
        assert highest <= 0.8 + 1e-6


def test_a_class_that_rests_on_one_cluster_is_named_in_one_warning(caplog):
    family = np.repeat(np.arange(13), 10)
    given_folds = tuple(np.repeat([*FOLDS * 3, "train"], 10).tolist())
    labels = "AAAAAAAABBBBB"
    split(make_prepared(family, labels, given_folds=given_folds), make_params("given"), 0)
    assert [record.getMessage() for record in caplog.records] == [
        "data set 'toy': one cluster of similar proteins is most of a class (effective number of "
        "clusters of 'B' in validation: 1, 'B' in calibration: 1, 'B' in test: 1); scores of that "
        "class there rest on one family"
    ]


def test_classes_short_of_their_share_are_named_in_one_warning(caplog):
    family = np.repeat(np.arange(12), [90, *[10] * 2, *[1] * 9])
    prepared = make_prepared(family, "A" * 12, spread=0.01)
    params = make_params().model_copy(update={"largest_share": 0.2})
    folds = split(prepared, params, 0).folds
    assert folds.fold[0] == "train"
    assert [record.getMessage() for record in caplog.records] == [
        "data set 'toy': clusters too large to judge by were put into training, so held-out folds "
        "have fewer proteins than their share ('A' in validation: 3 of 12; 'A' in calibration: 3 "
        "of 12; 'A' in test: 3 of 12); raise split.largest_share for more"
    ]


def test_classes_of_several_clusters_are_not_warned_of(caplog):
    given_folds = tuple(np.repeat(FOLDS * 2, 10).tolist())
    prepared = make_prepared(np.repeat(np.arange(8), 10), "A" * 8, given_folds=given_folds)
    split(prepared, make_params("given"), 0)
    assert not caplog.records


def test_a_label_with_the_name_of_the_total_is_refused():
    prepared = make_prepared(np.repeat(np.arange(8), 10), ["A", "proteins"] * 4)
    with pytest.raises(DataError) as caught:
        split(prepared, make_params(), 0)
    assert str(caught.value) == (
        "data set 'toy': has a label 'proteins', the name of each fold's total in the audit; "
        "rename the label in dataset.yaml"
    )


@pytest.mark.parametrize("wrong", [None, "tset"])
def test_a_protein_without_a_known_given_fold_is_named(wrong):
    given_folds = ("train", wrong, "validation", "calibration", "test", wrong)
    prepared = make_prepared(range(6), "AAAAAA", given_folds=given_folds)
    with pytest.raises(DataError) as caught:
        split(prepared, make_params("given"), 0)
    assert str(caught.value) == (
        f"data set 'toy': 2 of 6 proteins have no known fold (first: 'p001' with {wrong!r}), "
        "expected train, validation, calibration, test; complete the column 'fold' of labels.tsv "
        "or set split.method to cluster"
    )


def test_a_class_missing_from_a_given_fold_is_named():
    prepared = make_prepared(range(5), "AAAAB", given_folds=(*FOLDS, "train"))
    with pytest.raises(DataError) as caught:
        split(prepared, make_params("given"), 0)
    assert str(caught.value) == (
        "data set 'toy': class 'B' has no protein in fold 'validation', expected at least one; "
        "put one there"
    )


def test_a_class_with_too_few_clusters_is_named():
    prepared = make_prepared(np.repeat(np.arange(7), 10), "AAAABBB")
    with pytest.raises(DataError) as caught:
        split(prepared, make_params(), 0)
    assert str(caught.value) == (
        "data set 'toy': class 'B' has too few clusters of similar proteins (3), expected at least "
        "4, one for each fold; raise split.max_similarity (0.5), add proteins of that class or "
        "leave it out"
    )


def test_a_class_with_too_few_proteins_for_a_random_split_is_named():
    prepared = make_prepared(range(7), "AAAABBB")
    with pytest.raises(DataError) as caught:
        split(prepared, make_params("random"), 0)
    assert str(caught.value) == (
        "data set 'toy': class 'B' has too few proteins (3), expected at least 4, one for each "
        "fold; add proteins of that class or leave it out"
    )


def test_a_class_that_shares_its_clusters_so_that_no_way_is_left_is_named():
    # classes A to E sit in all five clusters in fours: no two clusters may be in one fold
    family = [cluster for cluster in range(5) for _ in range(4)]
    prepared = make_prepared(family, "AAAAA", spread=0.01)
    labels = tuple("ABCDE"[(row // 4 + row % 4) % 5] for row in range(20))
    about = Provenance("toy", "Toy", False, "", "", "", "kmer", {name: name for name in "ABCDE"})
    prepared = Prepared(
        prepared.embeddings,
        labels,
        prepared.sequences,
        prepared.categories,
        prepared.given_folds,
        prepared.given_clusters,
        about,
    )
    with pytest.raises(DataError, match=r"class '[A-E]' has no protein in fold '\w+', expected"):
        split(prepared, make_params(), 0)


def test_folds_come_back_as_they_were_written(tmp_path):
    result = split(make_eight_families(), make_params(), 0)
    write_splits(result, tmp_path / "splits.parquet")
    folds = read_splits(tmp_path / "splits.parquet")
    assert (folds.ids, folds.fold) == (result.folds.ids, result.folds.fold)
    np.testing.assert_array_equal(folds.cluster, result.folds.cluster)
    np.testing.assert_array_equal(folds.similarity_to_train, result.folds.similarity_to_train)


def test_the_file_has_four_columns_and_nulls_for_training(tmp_path):
    write_splits(split(make_eight_families(), make_params(), 0), tmp_path / "splits.parquet")
    table = pq.read_table(tmp_path / "splits.parquet")
    assert {field.name: str(field.type) for field in table.schema} == {
        "id": "string",
        "cluster": "int32",
        "fold": "string",
        "similarity_to_train": "float",
    }
    is_null = table["similarity_to_train"].is_null().to_pylist()
    assert is_null == [fold == "train" for fold in table["fold"].to_pylist()]


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_splits(split(make_eight_families(), make_params(), 7), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError) as caught:
        read_splits(tmp_path / "none.parquet")
    assert str(caught.value) == f"{tmp_path}/none.parquet: no such file; run `dvc repro split`"


def test_a_flipped_bit_is_found(tmp_path):
    path = tmp_path / "splits.parquet"
    write_splits(split(make_eight_families(), make_params(), 0), path)
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(3)
    content = bytearray(path.read_bytes())
    content[chunk.data_page_offset + chunk.total_compressed_size - 9] ^= 1  # within a number
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged or incomplete .*checksum.*run `dvc repro split`"):
        read_splits(path)


def test_another_table_is_refused(tmp_path):
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"id": ["p1"]}), path)
    with pytest.raises(DataError) as caught:
        read_splits(path)
    assert str(caught.value) == (
        f"{path}: holds no folds, expected columns id, cluster, fold, similarity_to_train; "
        "run `dvc repro split`"
    )
