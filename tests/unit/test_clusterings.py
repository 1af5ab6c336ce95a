"""Clusters by vectors, sequences or the data set, and an audit that agrees with them."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arginator.clusterings import cluster
from arginator.embeddings import Embeddings
from arginator.errors import DataError
from arginator.params import Bands, FoldFractions, SplitParams
from arginator.prepared import Prepared, Provenance
from arginator.similarity import centre_and_scale, cluster_by_similarity
from arginator.splits import split

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


def make_params(cluster_by, method="cluster", max_similarity=1.0):
    """Return parameters of a split by `cluster_by`."""
    return SplitParams(
        method=method,
        cluster_by=cluster_by,
        max_similarity=max_similarity,
        max_identity=0.4,
        largest_share=1.0,
        bands=Bands(near=0.3, far=0.2),
        fractions=FoldFractions(train=0.7, validation=0.1, calibration=0.1, test=0.1),
    )


def make_prepared(sequences=None, clusters=None, folds=None, n=24):
    """Return n proteins of one class with random vectors."""
    rng = np.random.default_rng(0)
    about = Provenance("toy", "Toy", False, "", "", "", "kmer", {"A": "Class A"})
    none = (None,) * n
    return Prepared(
        Embeddings(
            tuple(f"p{row:02}" for row in range(n)), rng.normal(size=(n, 8)).astype(np.float32)
        ),
        ("A",) * n,
        sequences or none,
        none,
        folds or none,
        clusters or none,
        about,
    )


def make_families(families, each):
    """Return sequences of families whose members share about 80 % of their residues."""
    rng = np.random.default_rng(0)
    sequences = []
    for _ in range(families):
        root = rng.choice(list(RESIDUES), 150)
        changed = rng.random((each, 150)) < 0.1
        members = np.where(changed, rng.choice(list(RESIDUES), (each, 150)), root)
        sequences += ["".join(member) for member in members]
    return tuple(sequences)


def cluster_all(prepared, params):
    """Return the clustering of `prepared`."""
    return cluster(prepared, centre_and_scale(prepared.embeddings.matrix), params)


def refusal(prepared, params):
    """Return the message of a split that is refused."""
    with pytest.raises(DataError) as caught:
        split(prepared, params, 0)
    return str(caught.value)


@pytest.fixture
def mmseqs():
    """Skip without MMseqs2, but never in CI."""
    if shutil.which("mmseqs") is None and "CI" not in os.environ:
        pytest.skip("MMseqs2 is not installed")


def test_vectors_are_clustered_by_their_similarity():
    prepared = make_prepared()
    unit = centre_and_scale(prepared.embeddings.matrix)
    found = cluster_all(prepared, make_params("embedding", max_similarity=0.5))
    assert found.hits is None
    assert found.cluster.tolist() == cluster_by_similarity(unit, 0.5).tolist()


@given(st.lists(st.sampled_from([None, "x", "y", "z"]), min_size=24, max_size=24))
@settings(max_examples=50, deadline=None)
def test_given_clusters_are_kept_and_a_protein_without_one_is_alone(names):
    if not any(names):
        return
    found = cluster_all(make_prepared(clusters=tuple(names)), make_params("given")).cluster
    for i in range(24):
        for j in range(24):
            together = i == j or (names[i] is not None and names[i] == names[j])
            assert (found[i] == found[j]) == together
    firsts = list(dict.fromkeys(found.tolist()))
    assert firsts == list(range(len(firsts)))


def test_a_data_set_without_clusters_is_told_how_to_name_them():
    assert refusal(make_prepared(), make_params("given")) == (
        "data set 'toy': none of its 24 proteins has a cluster, which split.cluster_by 'given' "
        "needs; add a column 'cluster' to labels.tsv or a pattern 'cluster' in dataset.yaml, or "
        "set split.cluster_by to embedding"
    )


def test_given_clusters_that_part_near_copies_are_refused():
    prepared = make_prepared(clusters=tuple("abcdef" * 4))
    matrix = np.repeat(np.random.default_rng(1).normal(size=(4, 8)), 6, axis=0).astype(np.float32)
    prepared = replace(prepared, embeddings=Embeddings(prepared.embeddings.ids, matrix))
    message = refusal(prepared, make_params("given", max_similarity=0.9))
    assert message.endswith(
        "1.0000); put them into one fold, raise split.max_similarity or set split.cluster_by to "
        "embedding"
    )


def test_given_clusters_too_few_for_the_folds_are_named():
    assert refusal(make_prepared(clusters=tuple("ab" * 12)), make_params("given")) == (
        "data set 'toy': class 'A' has too few clusters of similar proteins (2), expected at least "
        "4, one for each fold; add proteins of that class or leave it out"
    )


def test_proteins_without_a_sequence_are_named():
    prepared = make_prepared(sequences=("MKV", None, *["MKV"] * 21, None))
    assert refusal(prepared, make_params("sequence")) == (
        "data set 'toy': 2 of 24 proteins have no sequence (first: 'p01'), which split.cluster_by "
        "'sequence' needs; add a FASTA file of them in dataset.yaml or set split.cluster_by to "
        "embedding"
    )


@pytest.mark.usefixtures("mmseqs")
def test_families_of_sequences_stay_together_and_the_audit_agrees():
    prepared = make_prepared(sequences=make_families(6, 4))
    result = split(prepared, make_params("sequence"), 0)
    assert result.folds.cluster.tolist() == np.repeat(np.arange(6), 4).tolist()
    audit = result.audit
    assert (audit["cluster_by"], audit["max_identity"]) == ("sequence", 0.4)
    assert audit["above_limit"] == 0
    assert audit["leak_score"] == {"validation": 0.0, "calibration": 0.0, "test": 0.0}


@pytest.mark.usefixtures("mmseqs")
def test_given_folds_that_part_families_of_sequences_are_refused():
    folds = ("train", "validation", "calibration", "test") * 6
    prepared = make_prepared(sequences=make_families(6, 4), folds=folds)
    message = refusal(prepared, make_params("sequence", "given"))
    assert message.startswith(
        "data set 'toy': 18 of 18 held-out proteins are more identical than 0.4 to a protein that "
        "the model is trained on or chosen by (worst: "
    )
    assert message.endswith(
        "; put them into one fold, raise split.max_identity or set split.method to cluster"
    )


@pytest.mark.usefixtures("mmseqs")
def test_a_random_split_of_families_leaks_by_sequence():
    prepared = make_prepared(sequences=make_families(6, 4))
    audit = split(prepared, make_params("sequence", "random"), 0).audit
    assert audit["above_limit"] > 0
    assert max(audit["leak_score"].values()) > 0
