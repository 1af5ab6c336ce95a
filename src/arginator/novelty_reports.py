"""Reports on novelty: who is flagged as unlike training, and whether flags find wrong calls."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from sklearn.metrics import roc_auc_score

from arginator.answers import Answers
from arginator.novelty import NoveltyIndex, doubt
from arginator.reports import rounded


def report_novelty(
    answers: Answers,
    model: str,
    novelty: Float64[np.ndarray, " n"],
    index: NoveltyIndex,
    confidence_threshold: float,
) -> dict[str, Any]:
    """Return who is flagged, how often the model is right about them and about the others.

    `auroc_of_errors` is the chance that a wrong call has the higher score than a right one: of the
    distance to training, and of one minus the highest calibrated probability. It is left out where
    all calls are right or all wrong, as is the accuracy of nobody.

    Args:
        answers: What the models say about a fold.
        model: The model that is judged.
        novelty: Distance of each protein to training.
        index: What measured it, with the threshold above which a protein is flagged.
        confidence_threshold: One minus the highest probability above which the model doubts.
    """
    held_out, wrong = answers.held_out, answers.wrong(model)
    flagged = index.flag(novelty)

    def share(mask: Bool[np.ndarray, " n"]) -> float:
        return rounded(flagged[mask].mean())

    scores = {"distance": novelty, "confidence": doubt(answers.calibrated[model])}
    groups = {"flagged": flagged, "not_flagged": ~flagged}
    return held_out.head() | {
        "model": model,
        "neighbours": index.neighbours,
        "threshold": rounded(index.threshold),
        "confidence_threshold": rounded(confidence_threshold),
        "flagged": {
            "overall": rounded(flagged.mean()),
            "per_class": {name: share(mask) for name, mask in held_out.class_masks().items()},
            "per_band": {name: share(mask) for name, mask in held_out.band_masks().items()},
        },
        "doubtful": rounded((scores["confidence"] > confidence_threshold).mean()),
        "accuracy": {
            name: rounded(1 - wrong[mask].mean()) for name, mask in groups.items() if mask.any()
        },
        "auroc_of_errors": {
            name: rounded(roc_auc_score(wrong, score))
            for name, score in scores.items()
            if wrong.any() and not wrong.all()
        },
    }
