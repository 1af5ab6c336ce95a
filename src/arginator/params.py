"""The parameters of the pipeline: one frozen, validated type a section of params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from arginator.errors import ParamsError
from arginator.names import PathName, TaskName
from arginator.param_types import Criterion, Distinct, NonEmpty, Ratios, Section, Share
from arginator.yaml_files import load_yaml


class DemoParams(Section):
    """The simulated data set."""

    proteins: int = Field(ge=500, le=100_000)
    positive_fraction: float = Field(ge=0.02, le=0.5)
    hard_negative_fraction: float = Field(ge=0, le=0.9)
    families_per_class: int = Field(ge=6, le=200)
    class_divergence: float = Field(ge=0.1, le=5)
    family_divergence: float = Field(ge=0.1, le=5)
    member_divergence: float = Field(ge=0.01, le=1)


class EmbedderParams(Section):
    """What makes, or made, the vectors."""

    name: NonEmpty
    kmer_lengths: Annotated[
        tuple[Annotated[int, Field(ge=1, le=4)], ...], Strict(strict=False), Field(min_length=1)
    ]
    kmer_width: int = Field(ge=16, le=65_536)


class FoldFractions(Section):
    """Share of the proteins in each fold."""

    train: Share
    validation: Share
    calibration: Share
    test: Share

    @model_validator(mode="after")
    def _add_up(self) -> FoldFractions:
        total = self.train + self.validation + self.calibration + self.test
        if abs(total - 1) > 1e-6:
            raise PydanticCustomError(
                "fault", f"has four shares that add up to {total:g}, expected 1"
            )
        return self


class Bands(Section):
    """Similarities to training that part near from middle and middle from far."""

    near: float = Field(gt=0, le=1)
    far: float = Field(ge=0, lt=1)

    @model_validator(mode="after")
    def _in_order(self) -> Bands:
        if self.far >= self.near:
            problem = f"has 'far' ({self.far:g}) at or above 'near' ({self.near:g})"
            raise PydanticCustomError("fault", f"{problem}, expected it below")
        return self


class SplitParams(Section):
    """Which proteins a model may see and which judge it."""

    method: Literal["cluster", "random", "given"]
    cluster_by: Literal["embedding", "sequence", "given"]
    max_similarity: float = Field(ge=0, le=1)
    max_identity: float = Field(ge=0.2, le=1)
    largest_share: float = Field(gt=0, le=1)
    bands: Bands
    fractions: FoldFractions


class BinaryTask(Section):
    """Some labels against all others: one output, sigmoid."""

    kind: Literal["binary"]
    positive: Annotated[tuple[NonEmpty, ...], Strict(strict=False), Field(min_length=1)]
    positive_name: NonEmpty
    negative_name: NonEmpty

    @model_validator(mode="after")
    def _differ(self) -> BinaryTask:
        if self.positive_name == self.negative_name:
            problem = f"has the same 'positive_name' and 'negative_name' ({self.positive_name!r})"
            raise PydanticCustomError("fault", f"{problem}, expected two names")
        return self


class MulticlassTask(Section):
    """Every label of the data set a class of its own: softmax."""

    kind: Literal["multiclass"]


TaskParams = Annotated[BinaryTask | MulticlassTask, Field(discriminator="kind")]


class BaselineParams(Section):
    """Simple methods to beat."""

    inverse_regularisation: Annotated[
        tuple[Annotated[float, Field(ge=1e-8, le=1e4)], ...],
        Strict(strict=False),
        Field(min_length=1),
    ]
    iterations: int = Field(ge=10, le=100_000)


class ModelParams(Section):
    """Shape of the feed-forward network."""

    width: int = Field(ge=1, le=8_192)
    depth: int = Field(ge=0, le=16)
    dropout: float = Field(ge=0, le=0.95)
    activation: Literal["relu", "gelu", "silu", "tanh"]
    normalisation: Literal["batch", "layer", "none"]


class TrainParams(Section):
    """How the network learns."""

    epochs: int = Field(ge=1, le=10_000)
    patience: int = Field(ge=1, le=10_000)
    monitor: Literal["val_loss", "val_mcc", "val_macro_f1"]
    batch_size: int = Field(ge=1, le=1_000_000)
    optimiser: Literal["adamw", "adam", "sgd"]
    learning_rate: float = Field(ge=1e-8, le=10)
    weight_decay: float = Field(ge=0, le=10)
    schedule: Literal["constant", "cosine"]
    imbalance: Literal["none", "class_weights", "balanced_sampling"]
    device: Literal["cpu", "auto"]
    devices: int = Field(ge=1, le=64)
    precision: Literal[32, "bf16-mixed"]
    memory: Literal["held", "mapped"]


class CompressParams(Section):
    """How the network is made small."""

    prune_criteria: Annotated[tuple[Criterion, ...], Strict(strict=False), Distinct]
    prune_ratios: Ratios
    mask_ratios: Ratios
    distil_widths: Annotated[
        tuple[Annotated[int, Field(ge=1, le=8_192)], ...], Strict(strict=False), Distinct
    ]
    distil_temperature: float = Field(ge=0.1, le=100)
    distil_share: float = Field(ge=0, le=1)
    quantize: Annotated[tuple[Literal["dynamic", "static"], ...], Strict(strict=False), Distinct]
    finetune_epochs: int = Field(ge=0, le=10_000)
    finetune_learning_rate: float = Field(ge=1e-8, le=10)
    max_mcc_drop: float = Field(ge=0, le=1)


class EvaluateParams(Section):
    """What evaluation reports."""

    curve_points: int = Field(ge=10, le=10_000)
    seeds: int = Field(ge=1, le=100)
    seeds_at_once: int = Field(ge=1, le=100)
    resamples: int = Field(ge=100, le=100_000)
    bins: int = Field(ge=2, le=100)
    alpha: float = Field(ge=0.001, le=0.5)
    novelty_neighbours: int = Field(ge=1, le=100)
    novelty_alpha: float = Field(ge=0.001, le=0.5)


class StudiesParams(Section):
    """Questions beside the record: what a split hides, how much data helps, what is unknown."""

    seeds: int = Field(ge=1, le=100)
    train_shares: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], ...], Strict(strict=False), Field(min_length=1)
    ]
    similarity_limits: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1)], ...], Strict(strict=False), Field(min_length=1)
    ]
    families: int = Field(ge=0, le=1_000)


class TrackingParams(Section):
    """Experiment tracking with Weights & Biases."""

    wandb: Literal["disabled", "offline", "online"]
    project: NonEmpty


class Params(Section):
    """All of params.yaml."""

    seed: int = Field(ge=0, le=2**32 - 1)
    source: PathName
    demo: DemoParams
    embedder: EmbedderParams
    split: SplitParams
    tasks: Annotated[dict[TaskName, TaskParams], Field(min_length=1)]
    baseline: BaselineParams
    model: ModelParams
    train: TrainParams
    compress: CompressParams
    evaluate: EvaluateParams
    studies: StudiesParams
    tracking: TrackingParams

    def task(self, name: str) -> BinaryTask | MulticlassTask:
        """Return the task called `name`.

        Raises:
            ParamsError: There is no such task.
        """
        if name not in self.tasks:
            raise ParamsError(
                "params.yaml", f"no task {name!r} under 'tasks' (there: {', '.join(self.tasks)})"
            )
        return self.tasks[name]


def load_params(path: Path) -> Params:
    """Read and check a params file (YAML 1.2, so that `1e-05` is a number).

    Raises:
        ParamsError: The file is missing or no YAML mapping, or a key is unknown, missing, of the
            wrong type or out of range; the message covers the first fault and counts the rest.
    """
    return load_yaml(path, Params, ParamsError, _without_tag)


def _without_tag(location: list[str]) -> list[str]:
    """Drop the kind that pydantic puts after a task's name."""
    tagged = location[:1] == ["tasks"] and location[2:] != ["[key]"]
    return location[:2] + location[3:] if tagged else location
