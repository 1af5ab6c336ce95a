"""The gap: the same proteins, models and seed under both splits; random minus cluster."""

import pytest

from arginator.splits import split
from arginator.studies.gap import measure_gap
from arginator.studies.runs import answer, fit_models, gather, score


@pytest.fixture(scope="module")
def gap(families, task, split_params, recipe):
    return measure_gap(families, task, split_params, recipe)


def test_the_gap_is_what_a_random_split_adds_to_each_score(gap):
    assert list(gap) == ["source", "claims", "max_similarity", "splits", "gap"]
    assert (gap["source"], gap["claims"], gap["max_similarity"]) == ("toy (simulated)", False, 0.9)
    for model, difference in gap["gap"].items():
        random, apart = (gap["splits"][name]["models"][model] for name in ("random", "cluster"))
        assert difference == pytest.approx({name: random[name] - apart[name] for name in random})
    assert list(gap["gap"]) == ["nearest_neighbour", "logistic_regression", "network"]


def test_a_random_split_of_near_copies_flatters_the_nearest_neighbour(gap):
    assert gap["splits"]["random"]["models"]["nearest_neighbour"]["mcc"] > 0.9
    assert gap["gap"]["nearest_neighbour"]["mcc"] > 0.3


@pytest.mark.parametrize("configured", ["random", "given"])
def test_both_splits_are_made_whatever_the_params_say(
    configured, families, task, split_params, recipe
):
    params = split_params.model_copy(update={"method": configured})
    gap = measure_gap(families, task, params, recipe)
    for method, found in gap["splits"].items():
        params = split_params.model_copy(update={"method": method})
        folds = split(families, params, recipe.seed).folds
        proteins = folds.select(families, "test")
        answers = answer(fit_models(gather(families, folds, task), recipe), proteins)
        assert found["models"] == score(answers, task.encode(proteins.labels), task)
        assert found["proteins"] == len(proteins.labels)


def test_every_test_protein_is_in_one_band_and_near_copies_are_near(gap):
    for method, found in gap["splits"].items():
        assert sum(found["bands"].values()) == found["proteins"]
        counts = {band: inside["proteins"] for band, inside in found["by_band"].items()}
        assert counts == {band: count for band, count in found["bands"].items() if count}
        assert (found["bands"]["near"] > 0.9 * found["proteins"]) == (method == "random")
