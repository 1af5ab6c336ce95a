"""Simple methods that a network has to beat, fitted on one fold and stored without pickle."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int
from safetensors import SafetensorError
from safetensors.numpy import load, save_file
from sklearn import linear_model
from sklearn.metrics import f1_score, log_loss
from sklearn.preprocessing import StandardScaler

from arginator.baseline_models import (
    Baseline,
    LogisticRegression,
    Majority,
    NearestNeighbour,
    unit_rows,
)
from arginator.errors import ModelError
from arginator.files import write_json
from arginator.params import BaselineParams
from arginator.prepared import Prepared
from arginator.supervision import check_folds
from arginator.tasks import Signature, Task

LOG = logging.getLogger(__name__)
KINDS: dict[str, type[Baseline]] = {
    "majority": Majority,
    "nearest_neighbour": NearestNeighbour,
    "logistic_regression": LogisticRegression,
}


def fit_baselines(
    train: Prepared, validation: Prepared, task: Task, params: BaselineParams, seed: int
) -> dict[str, Baseline]:
    """Fit all baselines on `train`; `validation` picks the regularisation.

    Raises:
        DataError: A class is missing from a fold, or the folds differ in width.
    """
    check_folds(train, validation, task)
    class_index = task.encode(train.labels)
    frequency = np.bincount(class_index) / len(class_index)
    matrix = train.embeddings.matrix
    mean = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
    unit = unit_rows(matrix, mean).astype(np.float16)
    return {
        "majority": Majority(frequency),
        "nearest_neighbour": NearestNeighbour(
            mean, unit, class_index, frequency, train.embeddings.ids
        ),
        "logistic_regression": _fit_logistic_regression(train, validation, task, params, seed),
    }


def save_baselines(baselines: Mapping[str, Baseline], signature: Signature, folder: Path) -> None:
    """Write `model.safetensors` (arrays) and `model.json` (all else) into `folder`."""
    arrays: dict[str, np.ndarray] = {}
    facts: dict[str, Any] = {"signature": json.loads(signature.to_json())}
    for name, baseline in baselines.items():
        facts[name] = {}
        for field, value in vars(baseline).items():
            if isinstance(value, np.ndarray):
                arrays[f"{name}.{field}"] = np.ascontiguousarray(value)
            else:
                facts[name][field] = value
    save_file(arrays, folder / "model.safetensors")
    write_json(facts, folder / "model.json")


def load_baselines(folder: Path) -> tuple[dict[str, Baseline], Signature]:
    """Read what `save_baselines` wrote.

    Raises:
        ModelError: A file is missing or damaged.
    """
    try:
        facts = json.loads((folder / "model.json").read_text("utf-8"))
        arrays = load((folder / "model.safetensors").read_bytes())
        signature = Signature.from_json(json.dumps(facts.pop("signature")), folder / "model.json")
        baselines = {name: _restore(name, content, arrays) for name, content in facts.items()}
    except FileNotFoundError as error:
        raise ModelError(error.filename, "no such file", "run `dvc repro train_baseline`") from None
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(folder, f"damaged or no baselines ({reason})", "fit them again") from None
    return baselines, signature


def _restore(name: str, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Baseline:
    """Build the baseline called `name` from its share of the stored facts and arrays."""
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()
    }
    for key, array in arrays.items():
        owner, _, field = key.partition(".")
        if owner == name:
            fields[field] = array
    return KINDS[name](**fields)


def _fit_logistic_regression(
    train: Prepared, validation: Prepared, task: Task, params: BaselineParams, seed: int
) -> LogisticRegression:
    """Return the fit with the best macro-F1 on `validation`.

    Of equal ones that with the lower log loss counts, then that with the smaller C. Each fit
    starts from the one before, from the strongest regularisation to the weakest.
    """
    scaler = StandardScaler(copy=False)
    scaled = scaler.fit_transform(train.embeddings.matrix.astype(np.float32))
    model = linear_model.LogisticRegression(
        class_weight="balanced", max_iter=params.iterations, warm_start=True, random_state=seed
    )
    class_index, candidates = task.encode(train.labels), []
    for inverse_regularisation in sorted(params.inverse_regularisation):
        _fit_once(model.set_params(C=inverse_regularisation), scaled, class_index)
        candidates.append(_unscaled(model, scaler))
    return min(candidates, key=lambda fit: _rank(fit, validation, task))


def _fit_once(
    model: linear_model.LogisticRegression,
    scaled: Float32[np.ndarray, "n d"],
    class_index: Int[np.ndarray, " n"],
) -> None:
    """Fit `model` and log a warning if its solver did not converge."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(scaled, class_index)
    if caught:
        LOG.warning(
            "logistic regression did not converge within %s steps at C = %g (%s); raise "
            "'baseline.iterations'",
            f"{model.max_iter:,}",
            model.C,
            str(caught[0].message).partition("\n")[0].rstrip(" .:"),
        )


def _unscaled(model: linear_model.LogisticRegression, scaler: StandardScaler) -> LogisticRegression:
    """Return a fit on standardised vectors as weights for the vectors themselves."""
    weight = model.coef_.astype(np.float64) / scaler.scale_
    bias = model.intercept_.astype(np.float64) - weight @ scaler.mean_
    return LogisticRegression(weight, bias, float(model.C))


def _rank(fit: LogisticRegression, validation: Prepared, task: Task) -> tuple[float, float]:
    """Return what is lowest for the best fit: minus macro-F1, then log loss."""
    probability = fit.predict_probability(validation.embeddings.matrix)
    actual, labels = task.encode(validation.labels), range(len(task.classes))
    predicted = probability.argmax(axis=1)
    f1 = f1_score(actual, predicted, labels=labels, average="macro", zero_division=0.0)
    return -float(f1), float(log_loss(actual, probability, labels=labels))
