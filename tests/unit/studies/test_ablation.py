"""The ablation: each limit has a split of its own, or the reason why it has none."""

import json

import pytest

from arginator.params import StudiesParams
from arginator.splits import split
from arginator.studies.ablation import measure_limits
from arginator.studies.runs import answer, fit_models, gather, score

STUDIES = StudiesParams(
    seeds=1, train_shares=(1.0,), similarity_limits=(1.0, 0.0, 0.8, 0.8), families=0
)


@pytest.fixture(scope="module")
def ablation(families, task, split_params, recipe):
    params = split_params.model_copy(update={"method": "random", "cluster_by": "sequence"})
    return measure_limits(families, task, params, recipe, STUDIES)


def test_each_limit_is_tried_once_from_the_lowest_to_the_highest(ablation):
    assert [limit["max_similarity"] for limit in ablation["limits"]] == [0.0, 0.8, 1.0]
    assert (ablation["source"], ablation["claims"]) == ("toy (simulated)", False)
    assert json.loads(json.dumps(ablation, allow_nan=False)) == ablation


def test_a_limit_that_leaves_too_few_clusters_has_a_reason_instead_of_scores(ablation):
    impossible = ablation["limits"][0]
    assert list(impossible) == ["max_similarity", "reason"]
    assert impossible["reason"].startswith(
        "class 'A' has too few clusters of similar proteins (1), expected"
    )


def test_scores_and_counts_are_those_of_the_split_at_that_limit(
    ablation, families, task, split_params, recipe
):
    for found in ablation["limits"][1:]:
        params = split_params.model_copy(update={"max_similarity": found["max_similarity"]})
        result = split(families, params, recipe.seed)
        proteins = result.folds.select(families, "test")
        models = fit_models(gather(families, result.folds, task), recipe)
        target = task.encode(proteins.labels)
        assert found["models"] == score(answer(models, proteins), target, task)
        for name in ("clusters", "largest_cluster", "folds", "clusters_per_class"):
            assert found[name] == result.audit[name]
        assert found["similarity"] == result.audit["similarity_to_train"]["test"]["median"]


def test_with_near_copies_on_both_sides_the_nearest_neighbour_gains(ablation):
    _, apart, mixed = ablation["limits"]
    assert (apart["clusters"], mixed["clusters"]) == (60, 480)
    mcc = [limit["models"]["nearest_neighbour"]["mcc"] for limit in (apart, mixed)]
    assert mcc[1] - mcc[0] > 0.3
