"""How the network learns: the step, the metrics of an epoch, and which epoch is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from sklearn.metrics import f1_score, matthews_corrcoef
from torch import Tensor, distributed
from torch.nn.functional import cross_entropy, pad
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR
from tqdm import tqdm

from arginator.batches import Batch
from arginator.errors import ModelError
from arginator.ffnn import FeedForward
from arginator.params import TrainParams

COLUMNS = ("epoch", "learning_rate", "train_loss", "val_loss", "val_mcc", "val_macro_f1")
SGD_MOMENTUM = 0.9
Row = dict[str, int | float]  # an epoch's values by `COLUMNS`


class Learner(LightningModule):
    """One step of learning and the metrics of an epoch, for any number of outputs.

    Attributes:
        network: What learns.
        params: How it learns.
        history: One row of `COLUMNS` an epoch.
    """

    class_weight: Tensor

    def __init__(
        self, network: FeedForward, class_weight: Float[Tensor, " k"], params: TrainParams
    ) -> None:
        super().__init__()
        self.network, self.params = network, params
        self.register_buffer("class_weight", class_weight)
        self.history: list[Row] = []
        self._learning_rate = params.learning_rate
        self._step_losses: list[Float[Tensor, " n"]] = []
        self._held_out: list[tuple[Float[Tensor, "n k"], Int[Tensor, " n"]]] = []

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser, and the schedule by epoch if there is one."""
        optimiser = _optimiser(self.network, self.params)
        if self.params.schedule == "constant":
            return optimiser
        schedule = CosineAnnealingLR(optimiser, self.params.epochs)
        return {"optimizer": optimiser, "lr_scheduler": schedule}

    def on_train_epoch_start(self) -> None:
        """Note the learning rate, which the schedule lowers before the epoch ends."""
        self._learning_rate = self.trainer.optimizers[0].param_groups[0]["lr"]

    def training_step(self, batch: Batch, index: int) -> Float[Tensor, ""]:
        """Return the class-weighted mean cost of a batch of standardised vectors.

        Of several processes each returns its part, so that the mean of their gradients, which is
        what all of them learn from, is that of the whole batch.
        """
        vectors, class_index = batch
        logits = class_logits(self.network.answer(vectors)).float()
        loss = cross_entropy(logits, class_index, reduction="none")
        self._step_losses.append(loss.detach())
        weight = self.class_weight[class_index]
        cost = weight * self.cost(vectors, logits, loss)
        return cost.sum() / self._mean_over_processes(weight.sum())

    def cost(
        self,
        vectors: Float[Tensor, "n d"],
        logits: Float[Tensor, "n k"],
        log_loss: Float[Tensor, " n"],
    ) -> Float[Tensor, " n"]:
        """Return what is minimised for each protein: its log loss."""
        return log_loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """Keep the outputs of a batch, in full precision, for the end of the epoch."""
        with torch.autocast(self.device.type, enabled=False):
            self._held_out.append((class_logits(self.network.answer(batch[0])), batch[1]))

    def on_validation_epoch_end(self) -> None:
        """Add the epoch to the history and to the logger."""
        logits, class_index = zip(*self._held_out, strict=True)
        losses, logit, target = self._of_all_processes(
            torch.cat(self._step_losses), torch.cat(logits), torch.cat(class_index)
        )
        row: Row = {
            "epoch": self.current_epoch + 1,
            "learning_rate": self._learning_rate,
            "train_loss": losses.double().mean().item(),
            **validation_metrics(logit, target),
        }
        self._step_losses.clear()
        self._held_out.clear()
        _check_finite(row)
        self.history.append(row)
        self.log_dict({name: row[name] for name in COLUMNS[1:]})

    def _mean_over_processes(self, value: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Return the mean of the values of all processes."""
        if self.trainer.world_size > 1:
            distributed.all_reduce(value)
            value = value / self.trainer.world_size
        return value

    def _of_all_processes(self, *own: Tensor) -> Sequence[Tensor]:
        """Return each tensor with those of the other processes, in the order of the processes."""
        if self.trainer.world_size == 1:
            return own
        everyone: list[Sequence[Tensor]] = [()] * self.trainer.world_size
        distributed.all_gather_object(everyone, [tensor.cpu() for tensor in own])
        return [torch.cat(parts) for parts in zip(*everyone, strict=True)]


class BestEpoch(Callback):
    """Keep the weights of the best epoch; stop after `patience` epochs without a better one.

    Attributes:
        epoch: The best epoch so far, from 1; the first of equals.
        weights: The network's state at its end.
    """

    def __init__(self, learner: Learner) -> None:
        self.learner, self.epoch, self._lowest = learner, 0, math.inf
        self.weights: dict[str, Tensor] = {}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare the epoch that ends with the best so far."""
        params, row = self.learner.params, self.learner.history[-1]
        value = row[params.monitor]
        cost = value if params.monitor == "val_loss" else -value
        if cost < self._lowest:
            self._lowest, self.epoch = cost, len(self.learner.history)
            state = self.learner.network.state_dict()
            self.weights = {name: tensor.clone() for name, tensor in state.items()}
        elif len(self.learner.history) - self.epoch >= params.patience:
            trainer.should_stop = True


class EpochProgress(Callback):
    """A bar on standard error that counts epochs; on a terminal only."""

    def __init__(self, learner: Learner, shown: bool = True) -> None:
        self.learner = learner
        epochs = learner.params.epochs
        self._bar = tqdm(total=epochs, unit="epoch", disable=None, leave=False) if shown else None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Move the bar by one epoch."""
        row = self.learner.history[-1]
        if self._bar is not None:
            values = {name: f"{row[name]:.4f}" for name in COLUMNS[2:]}
            self._bar.set_postfix(values, refresh=False)
            self._bar.update()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


def class_logits(output: Float[Tensor, "n outputs"]) -> Float[Tensor, "n k"]:
    """Return one logit a class; a binary task's one output z becomes [0, z].

    The softmax of [0, z] is [1 - sigmoid(z), sigmoid(z)], so that all tasks share one loss.
    """
    return pad(output, (1, 0)) if output.shape[1] == 1 else output


def validation_metrics(
    logits: Float[Tensor, "n k"], class_index: Int[Tensor, " n"]
) -> dict[str, float]:
    """Return log loss, Matthews correlation and macro-F1 of the most probable classes.

    The macro-F1 averages all k classes; one never predicted counts 0.
    """
    loss = cross_entropy(logits.double(), class_index).item()
    actual, predicted = class_index.cpu().numpy(), logits.argmax(dim=1).cpu().numpy()
    labels = range(logits.shape[1])
    f1 = f1_score(actual, predicted, labels=labels, average="macro", zero_division=0.0)
    mcc = matthews_corrcoef(actual, predicted)
    return {"val_loss": loss, "val_mcc": float(mcc), "val_macro_f1": float(f1)}


def _optimiser(network: FeedForward, params: TrainParams) -> Optimizer:
    """Return the optimiser with its arithmetic in one fused kernel."""
    rate, decay = params.learning_rate, params.weight_decay
    if params.optimiser == "sgd":
        return SGD(network.parameters(), rate, SGD_MOMENTUM, weight_decay=decay, fused=True)
    adam = AdamW if params.optimiser == "adamw" else Adam
    return adam(network.parameters(), rate, weight_decay=decay, fused=True)


def _check_finite(row: Row) -> None:
    """Raise if a loss of the epoch is not finite.

    Raises:
        ModelError: A loss is not finite.
    """
    for name in ("train_loss", "val_loss"):
        if not math.isfinite(row[name]):
            raise ModelError(
                "network",
                f"{name} is {row[name]} in epoch {row['epoch']:,} at learning rate "
                f"{row['learning_rate']:g}, expected a finite number",
                "lower the learning rate",
            )
