"""Simulated families: real proportions, known exchange rates, and clusters that matter."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from arginator.datasets import load_description
from arginator.evolution import Evolution, Protein, residue_exchange
from arginator.kmers import KmerEmbedder
from arginator.label_tables import Assignment, read_labels
from arginator.params import DemoParams
from arginator.sequences import STANDARD_RESIDUES, read_fasta
from arginator.simulation import SimulatedProtein, share_out, simulate, write_demo

DEMO = DemoParams(
    proteins=6000,
    positive_fraction=0.075,
    hard_negative_fraction=0.15,
    families_per_class=24,
    class_divergence=1.5,
    family_divergence=2.5,
    member_divergence=0.25,
)
SMALL = DEMO.model_copy(update={"proteins": 1125, "positive_fraction": 0.4})


@cache
def simulated() -> list[SimulatedProtein]:
    return simulate(SMALL, seed=7)


def evolution(seed: int = 0) -> Evolution:
    return Evolution(np.random.default_rng(seed))


def identity(one: Protein, other: Protein) -> float:
    return float((one.residues == other.residues).mean())


def test_same_seed_gives_the_same_proteins_and_another_seed_others() -> None:
    params = DEMO.model_copy(update={"proteins": 500, "families_per_class": 6})

    one, two, other = simulate(params, 7), simulate(params, 7), simulate(params, 8)

    assert one == two
    assert one != other


@settings(deadline=None, max_examples=3)
@given(
    proteins=st.integers(500, 510),
    positive_fraction=st.floats(0.02, 0.5),
    hard_negative_fraction=st.floats(0, 0.9),
    families_per_class=st.sampled_from([6, 200]),
    class_divergence=st.floats(0.1, 5),
    family_divergence=st.floats(0.1, 5),
    member_divergence=st.floats(0.01, 1),
)
def test_sequences_and_ids_are_always_unique_and_as_many_as_asked_for(
    **values: float,
) -> None:
    params = DemoParams.model_validate(values)

    found = simulate(params, seed=1)

    assert len({protein.id for protein in found}) == params.proteins
    assert len({protein.residues for protein in found}) == params.proteins
    assert {protein.label for protein in found} == {"A", "B", "C", "D", "non"}
    assert all(set(protein.residues) <= set(STANDARD_RESIDUES) for protein in found)
    positives = sum(protein.label != "non" for protein in found)
    assert positives == round(params.proteins * params.positive_fraction)


def test_alleles_and_members_that_hardly_differ_are_told_apart() -> None:
    params = DEMO.model_copy(
        update={"proteins": 505, "families_per_class": 6, "member_divergence": 0.01}
    )

    assert len({protein.residues for protein in simulate(params, seed=1)}) == 505


def test_labels_and_categories_have_the_real_proportions() -> None:
    label = Counter(protein.label for protein in simulated())
    category = Counter(protein.category for protein in simulated())

    assert label == {"A": 144, "B": 50, "C": 139, "D": 117, "non": 675}
    assert category == {
        "serine beta-lactamase": 400,
        "metallo-beta-lactamase": 50,
        "penicillin-binding-protein-like": 40,
        "esterase-like": 31,
        "metallo-hydrolase-like": 30,
        "other fold": 574,
    }


def test_family_sizes_have_a_heavy_tail() -> None:
    sizes = Counter(protein.family for protein in simulated() if protein.label == "A")

    assert len(sizes) == SMALL.families_per_class
    assert max(sizes.values()) > 5 * np.median(list(sizes.values()))


def test_ids_say_nothing_about_labels() -> None:
    first = Counter(protein.label == "non" for protein in simulated()[:500])

    assert 0.55 < first[True] / 500 < 0.65


def test_clusters_matter() -> None:
    """With families apart 1-nearest-neighbour falls clearly, logistic regression much less."""
    matrix = KmerEmbedder((2, 3), 1024).embed([protein.residues for protein in simulated()])
    matrix -= matrix.mean(axis=0)
    label = np.array([protein.label for protein in simulated()])
    family = np.array([protein.family for protein in simulated()])
    neighbour = KNeighborsClassifier(1, metric="cosine")
    regression = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.001, class_weight="balanced", tol=1e-3)
    )

    def macro_f1(model: object, apart: bool) -> float:
        folds = GroupKFold(4) if apart else StratifiedKFold(4, shuffle=True, random_state=0)
        groups = family if apart else None
        found = cross_val_predict(model, matrix, label, groups=groups, cv=folds)
        return float(f1_score(label, found, average="macro"))

    assert macro_f1(neighbour, apart=False) > 0.95
    assert macro_f1(neighbour, apart=True) < 0.9
    assert 0.9 < macro_f1(regression, apart=True) < 0.98


def test_written_files_are_a_described_data_set(tmp_path: Path) -> None:
    write_demo(simulated(), tmp_path)

    description = load_description(tmp_path)
    records = {record.id: record.residues for record in read_fasta(tmp_path / "proteins.fasta")}
    labels = read_labels(tmp_path / "labels.tsv", tuple(description.labels))
    assert (description.name, description.simulated) == ("demo", True)
    assert records == {protein.id: protein.residues for protein in simulated()}
    assert labels == {
        protein.id: Assignment(protein.label, protein.category, cluster=protein.family)
        for protein in simulated()
    }


def test_written_files_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        write_demo(simulated(), folder)

    names = ["dataset.yaml", "labels.tsv", "proteins.fasta"]
    one, two = ({name: (folder / name).read_bytes() for name in names} for folder in folders)
    assert one == two


@given(
    total=st.integers(0, 10_000),
    weights=st.lists(st.floats(0.01, 100), min_size=1, max_size=30).map(np.array),
)
def test_shares_always_add_up_and_none_is_empty_if_there_are_enough(
    total: int, weights: np.ndarray
) -> None:
    shares = share_out(total, weights)

    assert shares.sum() == total
    assert (shares >= min(total // len(weights), 1)).all()


def test_exchange_is_reversible() -> None:
    frequency, exchange = residue_exchange()

    flow = frequency[:, None] * exchange
    np.testing.assert_allclose(flow, flow.T, rtol=1e-12)
    assert frequency.sum() == pytest.approx(1)
    assert (frequency > 0.01).all()


def test_similar_residues_are_exchanged_more_often() -> None:
    frequency, exchange = residue_exchange()
    odds = exchange / frequency
    at = STANDARD_RESIDUES.index

    assert odds[at("I"), at("V")] == pytest.approx(2 ** (3 / 2))
    assert odds[at("I"), at("G")] == pytest.approx(2 ** (-4 / 2))


@pytest.mark.parametrize("divergence", [0.1, 0.5, 2.0])
def test_substitutions_follow_the_matrix_exponential(divergence: float) -> None:
    frequency, exchange = residue_exchange()
    rates = exchange / (frequency @ exchange.sum(axis=1))
    transition = expm((rates - np.diag(rates.sum(axis=1))) * divergence)
    source = evolution()
    residues = np.repeat(np.arange(20), 50_000)

    changed = source._substitute(Protein(residues, np.ones(len(residues))), divergence)

    found = np.zeros((20, 20))
    np.add.at(found, (residues, changed), 1 / 50_000)
    np.testing.assert_allclose(found, transition, atol=0.01)


def test_conserved_sites_stay_and_variable_ones_change() -> None:
    source = evolution()
    residues = source.generator.choice(20, 2000, p=source.frequency)
    rates = np.repeat([0.0, 2.0], 1000)

    changed = source._substitute(Protein(residues, rates), 1.0)

    same = changed == residues
    assert same[:1000].all()
    assert same[1000:].mean() < 0.4


def test_indels_never_remove_a_conserved_site() -> None:
    source = evolution()
    conserved = np.tile([0, 1, 1, 1, 1], 100)
    protein = Protein(np.where(conserved == 0, 18, 0), conserved.astype(float))

    for _ in range(60):
        protein = source._delete(protein)

    assert len(protein.residues) < 480
    assert (protein.residues == 18).sum() == 100


def test_a_protein_is_never_deleted_away() -> None:
    source = evolution()
    protein = source.create(60)

    for _ in range(300):
        protein = source._delete(protein)

    assert len(protein.residues) >= 50


def test_a_new_function_changes_conserved_sites_more_than_time_does() -> None:
    source = evolution()
    protein = source.create(3000)
    slow = Protein(protein.residues[protein.rates < 0.3], protein.rates[protein.rates < 0.3])

    by_time = source._substitute(slow, 1.0)
    root = np.sqrt(protein.rates)
    by_function = source._substitute(Protein(slow.residues, np.sqrt(slow.rates) / root.mean()), 1.0)

    assert (by_function == slow.residues).mean() < (by_time == slow.residues).mean() - 0.1


def test_rates_return_after_a_new_function() -> None:
    source = evolution()
    protein = source.create(300)

    changed = source.diversify(protein, 1.0)

    assert np.median(changed.rates) == pytest.approx(np.median(protein.rates), rel=0.2)
    assert changed.rates.max() <= protein.rates.max() * (1 + 1e-9)


@pytest.mark.parametrize("substitutions", [1, 3])
def test_an_allele_differs_at_few_sites_and_never_at_the_start(substitutions: int) -> None:
    source = evolution()
    protein = source.create(100)

    alleles = [source.mutate(protein, substitutions) for _ in range(50)]

    differing = {int((allele.residues != protein.residues).sum()) for allele in alleles}
    assert max(differing) == substitutions
    assert all(str(allele).startswith("M") for allele in alleles)


@given(leaves=st.integers(1, 40))
@settings(deadline=None, max_examples=20)
def test_a_tree_always_has_the_leaves_asked_for(leaves: int) -> None:
    source = evolution(leaves)

    assert len(source.grow_tree(source.create(60), leaves, 0.5)) == leaves


def test_leaves_are_all_as_far_from_the_root() -> None:
    source = evolution()
    root = Protein(source.generator.choice(20, 4000, p=source.frequency), np.ones(4000))
    alone = np.mean([(source._substitute(root, 0.3) == root.residues).mean() for _ in range(5)])
    without_indels = Evolution(np.random.default_rng(0))
    without_indels._insert = without_indels._delete = lambda protein: protein  # type: ignore

    found = [identity(leaf, root) for leaf in without_indels.grow_tree(root, 12, 0.3)]

    np.testing.assert_allclose(found, alone, atol=0.03)
