"""Groups are dealt out whole, and each class gets its share of every fold."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from arginator.dealing import deal_groups, missing_classes

FRACTIONS = np.array([0.7, 0.1, 0.1, 0.1])


def make_groups(seed, groups, classes, tail=1.5, mixed=0.0):
    """Return group and label of proteins in groups of heavy-tailed sizes, all classes present."""
    rng = np.random.default_rng(seed)
    size = np.ceil(rng.pareto(tail, groups) * 2).astype(int).clip(1, 300)
    group = np.repeat(np.arange(groups), size)
    label = (group % classes) if groups >= classes else np.zeros(len(group), dtype=int)
    strange = rng.random(len(label)) < mixed
    label = np.where(strange, rng.integers(0, label.max() + 1, len(label)), label)
    label[np.unique(group, return_index=True)[1]] = np.arange(groups) % (label.max() + 1)
    return group, label


def count(fold, label, folds=4):
    """Return the proteins of each class in each fold."""
    return np.array(
        [[np.sum((fold == f) & (label == c)) for c in np.unique(label)] for f in range(folds)]
    )


def distance(fold, label):
    """Return the chi-square distance from the targets."""
    counts = count(fold, label)
    target = FRACTIONS[:, None] * counts.sum(axis=0)
    return ((counts - target) ** 2 / target).sum()


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 5), st.sampled_from([0, 0.2]))
@settings(max_examples=60, deadline=None)
def test_a_group_is_never_divided(seed, groups, classes, mixed):
    group, label = make_groups(seed, groups, classes, mixed=mixed)
    fold = deal_groups(group, label, FRACTIONS, seed, None)
    assert fold.shape == group.shape
    assert all(len(np.unique(fold[group == number])) == 1 for number in range(groups))
    assert set(fold) <= {0, 1, 2, 3}


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(4, 12))
@settings(max_examples=60, deadline=None)
def test_every_class_with_four_groups_of_its_own_is_in_every_fold(seed, classes, groups_each):
    group, label = make_groups(seed, classes * groups_each, classes, tail=0.7)
    fold = deal_groups(group, label, FRACTIONS, seed, None)
    assert not missing_classes(fold, label, 4).any()


@pytest.mark.parametrize("seed", range(8))
def test_targets_are_met_better_than_by_scikit_learn(seed):
    group, label = make_groups(seed, 150, 5, tail=0.9, mixed=0.05)
    fold = deal_groups(group, label, FRACTIONS, seed, None)
    peer = np.zeros(len(group), dtype=int)
    folds = StratifiedGroupKFold(10, shuffle=True, random_state=seed).split(label, label, group)
    for number, (_, test_index) in enumerate(folds):
        peer[test_index] = max(0, number - 6)
    assert distance(fold, label) < distance(peer, label)


@pytest.mark.parametrize("seed", range(5))
def test_a_few_groups_are_dealt_nearly_as_well_as_any_way_there_is(seed):
    group, label = make_groups(seed, 7, 1, tail=0.8)
    ways = (np.array(way)[group] for way in product(range(4), repeat=7) if len(set(way)) == 4)
    best = min(distance(fold, label) for fold in ways)
    assert distance(deal_groups(group, label, FRACTIONS, seed, None), label) <= 1.1 * best


def test_single_proteins_are_dealt_to_the_protein():
    label = np.repeat([0, 1, 2], [1000, 100, 20])
    fold = deal_groups(np.arange(len(label)), label, FRACTIONS, 1, None)
    expected = [[700, 70, 14], [100, 10, 2], [100, 10, 2], [100, 10, 2]]
    assert count(fold, label).tolist() == expected


def test_a_giant_group_goes_to_training_and_the_others_cover_the_rest():
    group = np.repeat(np.arange(4), [500, 5, 3, 2])
    fold = deal_groups(group, np.zeros(510, dtype=int), FRACTIONS, 0, None)
    assert sorted(count(fold, np.zeros(510))[:, 0].tolist(), reverse=True) == [500, 5, 3, 2]
    assert fold[0] == 0


def test_the_same_seed_deals_the_same_and_another_seed_does_not():
    group, label = make_groups(3, 200, 4)
    first, again, other = (deal_groups(group, label, FRACTIONS, seed, None) for seed in (5, 5, 6))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(4, 40), st.floats(0.01, 1))
@settings(max_examples=40, deadline=None)
def test_a_held_out_group_is_small_or_its_class_would_be_missing(seed, classes, each, share):
    group, label = make_groups(seed, classes * each, classes, tail=0.7)
    fold = deal_groups(group, label, FRACTIONS, seed, share)
    assert not missing_classes(fold, label, 4).any()
    for number in np.unique(group[fold > 0]):
        place, kind = fold[group == number][0], label[group == number][0]
        target = FRACTIONS[place] * (label == kind).sum()
        if (group == number).sum() > share * target:
            held_out = np.unique(group[(fold == place) & (label == kind)])
            sizes = np.bincount(group)[held_out]
            assert sum(sizes > share * target) == len(sizes)  # there was no small one


@given(st.integers(0, 10_000), st.integers(1, 5), st.sampled_from([0, 0.3]))
@settings(max_examples=20, deadline=None)
def test_a_limit_on_groups_divides_none(seed, classes, mixed):
    group, label = make_groups(seed, classes * 12, classes, tail=0.7, mixed=mixed)
    fold = deal_groups(group, label, FRACTIONS, seed, 0.2)
    assert all(len(np.unique(fold[group == number])) == 1 for number in range(classes * 12))


def test_a_large_group_goes_to_training_although_its_fold_stays_short():
    group = np.repeat(np.arange(20), [70, 12, *[1] * 18])
    label = np.zeros(len(group), dtype=int)
    assert count(deal_groups(group, label, FRACTIONS, 0, None), label)[0] == 70
    assert count(deal_groups(group, label, FRACTIONS, 0, 0.2), label).tolist() == [
        [82],
        [6],
        [6],
        [6],
    ]


@pytest.mark.parametrize("fractions", [(0.6, 0.1, 0.1, 0.2), (0.5, 0.1, 0.2, 0.2)])
def test_a_group_that_is_most_of_what_is_left_of_a_class_goes_to_training(fractions):
    group = np.repeat(np.arange(11), [700, 18, *[2] * 9])
    label = np.zeros(len(group), dtype=int)
    fold = deal_groups(group, label, np.array(fractions), 0, 0.2)
    sizes = [np.bincount(group)[np.unique(group[fold == place])] for place in (1, 2, 3)]
    assert all(set(size) == {2} for size in sizes)


def test_missing_classes_are_told_by_fold_and_class():
    missing = missing_classes(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    assert missing.tolist() == [[False, False], [True, False]]
