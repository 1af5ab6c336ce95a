"""Time of a verdict's resamples, beside scikit-learn with `sample_weight` on a few of them.

Run `python benchmarks/bootstrap.py`; `--proteins`, `--resamples` and others set the sizes. The
answers are simulated. Both methods give every metric of `arginator.weighted_metrics` for every
model on the same resamples, and the largest difference between them is printed; scikit-learn's
time is measured on `--peer-resamples` and scaled to as many as the verdict draws.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64, Int
from measuring import machine, markdown
from sklearn import metrics as sk

from arginator.bootstrap import resample_clusters
from arginator.reports import MODELS
from arginator.verdict import judge
from arginator.weighted_metrics import METRICS, WeightedReport

POSITIVE_SHARE = 0.075
CLASSES = ("A", "B", "C", "D", "non")

Answers = dict[str, Float64[np.ndarray, "n k"]]


def simulate(
    proteins: int, clusters: int, classes: int, models: Sequence[str]
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Answers]:
    """Return true classes, most of them the last, clusters, and answers that are mostly right."""
    rng = np.random.default_rng(0)
    cluster = rng.integers(clusters, size=proteins)
    share = [POSITIVE_SHARE / (classes - 1)] * (classes - 1) + [1 - POSITIVE_SHARE]
    target = rng.choice(classes, size=clusters, p=share)[cluster]
    truth = np.eye(classes)[target]
    answers = {}
    for name in models:
        scaled = np.exp(3 * truth + rng.standard_normal(truth.shape))
        answers[name] = scaled / scaled.sum(axis=1, keepdims=True)
    return target, cluster, answers


def score_with_scikit_learn(
    target: Int[np.ndarray, " n"],
    probability: Float64[np.ndarray, "n k"],
    weight: Int[np.ndarray, " n"],
) -> dict[str, float]:
    """Return each metric on one resample of several classes."""
    answer, truth = probability.argmax(axis=1), np.eye(probability.shape[1])[target]
    present = np.unique(target[weight > 0])

    def mean_area(area: Callable[..., float]) -> float:
        columns = ((truth[:, index], probability[:, index]) for index in present)
        return float(np.mean([area(*column, sample_weight=weight) for column in columns]))

    return {
        "accuracy": sk.accuracy_score(target, answer, sample_weight=weight),
        "balanced_accuracy": sk.balanced_accuracy_score(target, answer, sample_weight=weight),
        "mcc": sk.matthews_corrcoef(target, answer, sample_weight=weight),
        "macro_f1": sk.f1_score(target, answer, average="macro", sample_weight=weight),
        "auroc": mean_area(sk.roc_auc_score),
        "auprc": mean_area(sk.average_precision_score),
        "log_loss": sk.log_loss(target, probability, sample_weight=weight),
        "brier": sum(
            sk.brier_score_loss(truth[:, index], probability[:, index], sample_weight=weight)
            for index in range(probability.shape[1])
        ),
    }


def compare(
    target: Int[np.ndarray, " n"],
    cluster: Int[np.ndarray, " n"],
    answers: Answers,
    resamples: int,
) -> tuple[float, float]:
    """Return scikit-learn's seconds for some resamples and the largest difference to ours."""
    weight = np.concatenate(list(resample_clusters(cluster, resamples, 0)))
    seconds, difference = 0.0, 0.0
    for probability in answers.values():
        start = time.perf_counter()
        theirs = [score_with_scikit_learn(target, probability, row) for row in weight]
        seconds += time.perf_counter() - start
        ours = WeightedReport(target, probability, binary=False).score(weight)
        for name in METRICS:
            gap = np.abs(ours[name] - np.array([scores[name] for scores in theirs]))
            difference = max(difference, float(gap.max()))
    return seconds, difference


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of the methods."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proteins", type=int, default=14_000)
    parser.add_argument("--clusters", type=int, default=3_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=1_000)
    parser.add_argument("--peer-resamples", type=int, default=5)
    args = parser.parse_args(argv)
    repeats = [f"seed {number}" for number in range(1, args.seeds)]
    target, cluster, answers = simulate(
        args.proteins, args.clusters, len(CLASSES), [*MODELS, *repeats]
    )
    models = {name: answers[name] for name in MODELS}
    start, cpu_start = time.perf_counter(), time.process_time()
    judge(
        target,
        cluster,
        models,
        [answers[name] for name in repeats],
        CLASSES,
        False,
        args.resamples,
        0,
        source="simulated answers",
        claims=False,
    )
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    peer_seconds, difference = compare(target, cluster, models, args.peer_resamples)
    scaled = peer_seconds * args.resamples / args.peer_resamples
    print(machine() + "\n")
    print(f"{args.proteins:,} proteins, {len(CLASSES)} classes, {args.clusters:,} clusters,")
    print(f"{len(MODELS)} models and {args.seeds} seeds, {len(METRICS)} metrics\n")
    rows = [
        ("verdict", f"{args.resamples:,}", f"{seconds:.1f}", f"{peak_mib:,.0f}"),
        ("scikit-learn sample_weight", f"{args.peer_resamples:,}", f"{peer_seconds:.1f}", "–"),
        ("scikit-learn, scaled", f"{args.resamples:,}", f"{scaled:.1f}", "–"),
    ]
    print(markdown(("method", "resamples", "s", "peak MiB"), rows))
    print(f"\nprocessor time of the verdict: {cpu_seconds:.1f} s")
    print(f"\nlargest difference of a metric: {difference:.1e}")


if __name__ == "__main__":
    main()
