"""Distillation: a narrower network that answers as the wider one does."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from arginator.distillation import Distiller, Teacher, distillation_cost
from arginator.training import distil, fine_tune


def test_the_cost_is_the_one_worked_by_hand():
    logits, taught = torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, 0.0]])
    cost = distillation_cost(logits, taught, torch.tensor([0.3]), temperature=2.0, share=0.25)
    student = 1 / (1 + np.exp(-1.0))
    distance = 0.5 * np.log(0.5 / student) + 0.5 * np.log(0.5 / (1 - student))
    assert cost.item() == pytest.approx(0.25 * 4 * distance + 0.75 * 0.3, rel=1e-6)


def test_the_cost_of_answering_alike_is_the_share_of_the_labels():
    logits = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
    loss = cross_entropy(logits, torch.zeros(7, dtype=torch.int64), reduction="none")
    cost = distillation_cost(logits, logits + 3, loss, temperature=3.0, share=0.4)
    torch.testing.assert_close(cost, 0.6 * loss)


def test_without_a_share_for_the_teacher_only_labels_count():
    logits, taught = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(1))
    loss = torch.rand(7, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(distillation_cost(logits, taught, loss, 2.0, 0.0), loss)


def test_the_teacher_never_changes_and_never_drops_neurons(make_network, train_params):
    teacher = make_network()
    learner = Distiller(
        make_network((4, 4)), torch.ones(5), train_params, Teacher(teacher, 2.0, 0.5)
    )
    learner.train()
    assert learner.network.training
    assert not any(part.training for part in learner.teacher.modules())
    assert not any(weight.requires_grad for weight in learner.teacher.parameters())
    assert all(weight.requires_grad for weight in teacher.parameters())


def test_a_distilled_network_is_narrow_and_answers_like_its_teacher(
    make_network, folds, task, train_params, torch_probability
):
    teacher = fine_tune(make_network((32, 32)), *folds, task, train_params, 15, 0.01, 3).network
    vectors = folds[1].embeddings.matrix
    expected = torch_probability(teacher, vectors)
    distance = {}
    for name, share in (("labels", 0.0), ("teacher", 1.0)):
        taught = Teacher(teacher, 2.0, share)
        small = distil(taught, 6, *folds, task, train_params, seed=3).network
        assert small.shape.hidden == (6, 6)
        assert not small.training
        distance[name] = np.abs(torch_probability(small, vectors) - expected).mean()
    assert distance["teacher"] < distance["labels"]


def test_the_same_seed_distils_the_same_network(make_network, folds, task, train_params):
    teacher = Teacher(make_network(), 2.0, 0.5)
    first, again = (
        distil(teacher, 6, *folds, task, train_params, seed=3).network for _ in range(2)
    )
    assert torch.equal(first.output.weight, again.output.weight)
