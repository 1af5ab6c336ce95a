"""Pruning: fewer neurons or fewer weights, and as little else changed as can be."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arginator.ffnn import NORMALISATIONS
from arginator.pruning import mask_weights, prune_network, settle_weights
from arginator.training import fine_tune


@pytest.mark.parametrize(
    ("ratio", "hidden"), [(0.0, (16, 12)), (0.5, (8, 6)), (0.29, (11, 9)), (0.95, (1, 1))]
)
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_pruning_really_removes_the_share_of_neurons(
    normalisation, ratio, hidden, make_network, sample
):
    pruned = prune_network(
        make_network(normalisation=normalisation), ratio, "contribution", sample, 0
    )
    assert pruned.shape.hidden == hidden
    assert pruned.block_0.linear.weight.shape == (hidden[0], 24)
    assert pruned.block_1.linear.weight.shape == (hidden[1], hidden[0])
    assert pruned.output.weight.shape == (5, hidden[1])


def test_pruning_a_network_without_hidden_layers_copies_it(make_network, sample):
    network = make_network(())
    pruned = prune_network(network, 0.5, "contribution", sample, 0)
    assert pruned is not network
    assert torch.equal(pruned.output.weight, network.output.weight)


@given(st.permutations(range(16)), st.sampled_from(sorted(NORMALISATIONS)))
@settings(max_examples=20, deadline=None)
def test_pruning_silent_neurons_never_changes_an_answer(
    make_network, make_vectors, torch_probability, sample, order, normalisation
):
    """Neurons that nobody listens to go first; layer normalisation listens to all of its own."""
    network = make_network((16, 12), normalisation=normalisation)
    silent = list(order[:8])
    with torch.no_grad():
        network.block_1.linear.weight[:, silent] = 0
        network.output.weight[:, 6:] = 0
    vectors = make_vectors(20)
    pruned = prune_network(network, 0.5, "contribution", sample, 0)
    loud = [row for row in range(16) if row not in silent]
    assert torch.equal(pruned.block_0.linear.weight, network.block_0.linear.weight[loud])
    if normalisation != "layer":
        np.testing.assert_allclose(
            torch_probability(pruned, vectors), torch_probability(network, vectors), atol=1e-6
        )


@pytest.mark.parametrize("normalisation", ["batch", "none"])
def test_neurons_that_never_change_leave_their_part_to_the_next_bias(
    normalisation, make_network, make_vectors, torch_probability, sample
):
    network = make_network((16, 12), normalisation=normalisation)
    with torch.no_grad():
        for block in (network.block_0, network.block_1):
            block.linear.weight[::2] = 0
            block.linear.bias[::2] = 3
    pruned = prune_network(network, 0.5, "contribution", sample, 0)
    vectors = make_vectors(20)
    np.testing.assert_allclose(
        torch_probability(pruned, vectors), torch_probability(network, vectors), atol=1e-5
    )


def test_neurons_are_judged_on_all_of_the_data_in_any_float(make_network, make_vectors):
    network, many = make_network(), torch.from_numpy(make_vectors(20_000)).half()
    pruned = prune_network(network, 0.5, "contribution", many, 0)
    spaced = prune_network(network, 0.5, "contribution", many[::3].float(), 0)
    assert torch.equal(pruned.output.weight, spaced.output.weight)


def test_pruning_leaves_the_network_as_it_was(make_network, sample):
    network = make_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    prune_network(network, 0.5, "contribution", sample, 0)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize("criterion", ["weight_norm", "random"])
def test_each_criterion_removes_the_share_of_neurons(criterion, make_network, sample):
    pruned = prune_network(make_network(), 0.5, criterion, sample, 0)
    assert pruned.shape.hidden == (8, 6)


def test_by_weight_norm_the_neurons_with_the_smallest_weights_go(make_network, sample):
    network = make_network((16, 12))
    with torch.no_grad():
        network.block_0.linear.weight[[1, 4, 9]] *= 1e-3
    pruned = prune_network(network, 3 / 16, "weight_norm", sample, 0)
    stay = [row for row in range(16) if row not in (1, 4, 9)]
    assert torch.equal(pruned.block_0.linear.weight, network.block_0.linear.weight[stay])


def test_at_random_the_seed_alone_says_which_neurons_go(make_network, sample):
    network = make_network((64,))
    state = torch.get_rng_state()
    first, again, other = (
        prune_network(network, 0.5, "random", sample, seed).block_0.linear.weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_masking_sets_the_weights_nearest_to_zero_to_zero(ratio, make_network):
    network = make_network((32, 32))
    settled = settle_weights(mask_weights(network, ratio))
    names = [name for name, _ in network.named_parameters() if name.endswith("weight")]
    names = [name for name in names if "normalisation" not in name]
    before = torch.cat([network.state_dict()[name].flatten() for name in names])
    after = torch.cat([settled.state_dict()[name].flatten() for name in names])
    assert torch.count_nonzero(after == 0) == round(ratio * len(before))
    assert before[after == 0].abs().max() <= before[after != 0].abs().min()
    assert torch.equal(before[after != 0], after[after != 0])


def test_masked_weights_stay_zero_while_the_others_learn(make_network, folds, task, train_params):
    masked = mask_weights(make_network((16, 12)), 0.5)
    before = settle_weights(masked).block_0.linear.weight
    tuned = fine_tune(masked, *folds, task, train_params, 3, 0.01, seed=1).network
    after = settle_weights(tuned).block_0.linear.weight
    assert torch.equal(before == 0, after == 0)
    assert not torch.equal(before, after)


def test_masking_leaves_the_network_as_it_was(make_network):
    network = make_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    mask_weights(network, 0.5)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
