"""Distillation: a narrower network that learns what a trained one answers."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from arginator.ffnn import FeedForward
from arginator.learning import Learner, class_logits
from arginator.params import TrainParams


@dataclass(frozen=True)
class Teacher:
    """A trained network, and how closely to follow it.

    Attributes:
        network: The network.
        temperature: What logits are divided by before both answers are compared.
        share: Weight of the teacher's answers, 0 to 1; the labels have the rest.
    """

    network: FeedForward
    temperature: float
    share: float


class Distiller(Learner):
    """A learner that follows a teacher's answers as well as the labels.

    Args:
        network: What learns.
        class_weight: Weight of each class in the loss.
        params: How it learns.
        teacher: Whose answers it follows; its network, which standardises alike, is copied.
    """

    def __init__(
        self,
        network: FeedForward,
        class_weight: Float[Tensor, " k"],
        params: TrainParams,
        teacher: Teacher,
    ) -> None:
        super().__init__(network, class_weight, params)
        self.teacher = copy.deepcopy(teacher.network).requires_grad_(False)
        self.temperature, self.share = teacher.temperature, teacher.share

    def train(self, mode: bool = True) -> Distiller:
        """Set the mode of the network that learns; the teacher always answers as in use."""
        super().train(mode)
        self.teacher.eval()
        return self

    def cost(
        self,
        vectors: Float[Tensor, "n d"],
        logits: Float[Tensor, "n k"],
        log_loss: Float[Tensor, " n"],
    ) -> Float[Tensor, " n"]:
        """Return what is minimised for each protein: distance to the teacher, and log loss."""
        taught = class_logits(self.teacher.answer(vectors)).float()
        return distillation_cost(logits, taught, log_loss, self.temperature, self.share)


def distillation_cost(
    logits: Float[Tensor, "n k"],
    taught: Float[Tensor, "n k"],
    log_loss: Float[Tensor, " n"],
    temperature: float,
    share: float,
) -> Float[Tensor, " n"]:
    """Return share × T² × KL(teacher ‖ student) + (1 - share) × log loss of each protein.

    Both answers are softened by the temperature T; T² keeps the size of the gradient.

    References:
        Hinton et al. 2015, doi:10.48550/arXiv.1503.02531.
    """
    student, teacher = (log_softmax(values / temperature, dim=1) for values in (logits, taught))
    distance = kl_div(student, teacher, reduction="none", log_target=True).sum(dim=1)
    return share * temperature**2 * distance + (1 - share) * log_loss
