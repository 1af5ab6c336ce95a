"""Tables of the studies: every number of the JSON that a person asks for, in Markdown."""

from arginator.studies.tables import (
    ablation_table,
    gap_table,
    learning_curve_table,
    left_out_table,
)

FACTS = {"source": "demo (simulated)", "claims": False}
SCORES = {"accuracy": 0.9, "mcc": 0.7, "macro_f1": 0.8, "auprc": 0.6}


def test_the_gap_shows_both_splits_and_the_bands():
    def found(mcc: float) -> dict:
        near = {"proteins": 1200, "models": {"network": {"accuracy": 0.5}}}
        far = {"proteins": 8, "models": {"network": {"accuracy": 0.5, "mcc": -0.25}}}
        return {
            "proteins": 1208,
            "models": {"network": SCORES | {"mcc": mcc}},
            "by_band": {"near": near, "far": far},
        }

    gap = FACTS | {
        "splits": {"cluster": found(0.7), "random": found(0.95)},
        "gap": {"network": {"accuracy": 0.0, "mcc": 0.25, "macro_f1": 0.0, "auprc": 0.0}},
    }
    assert gap_table(gap) == (
        "# How much a random split flatters\n\n"
        "Data: demo (simulated); a study, not for claims.\n\n"
        "| model | MCC: apart → random | macro-F1: apart → random | AUPRC: apart → random |\n"
        "| --- | --- | --- | --- |\n"
        "| network | 0.700 → 0.950 (+0.250) | 0.800 → 0.800 (+0.000) "
        "| 0.600 → 0.600 (+0.000) |\n\n"
        "MCC by similarity to the nearest training protein (accuracy where one class is there):"
        "\n\n"
        "| split | band | proteins | network |\n"
        "| --- | --- | --- | --- |\n"
        "| cluster | near | 1,200 | (0.500) |\n"
        "| cluster | far | 8 | -0.250 |\n"
        "| random | near | 1,200 | (0.500) |\n"
        "| random | far | 8 | -0.250 |\n"
    )


def test_the_learning_curve_shows_the_range_over_seeds():
    span = {"mean": 0.5, "lowest": 0.25, "highest": 0.75}
    simple = {name: SCORES[name] for name in ("mcc", "macro_f1", "auprc")}
    models = {"nearest_neighbour": simple, "network": dict.fromkeys(simple, span)}
    point = {"share": 0.1, "proteins": 1360, "clusters": 80, "models": models}
    curve = FACTS | {"claims": True, "fold": "test", "points": [point]}
    head, row = learning_curve_table(curve).splitlines()[4::2]
    assert learning_curve_table(curve).splitlines()[2] == "Data: demo (simulated)."
    assert head.startswith("| share | proteins | clusters | nearest neighbour: MCC |")
    spans = " | ".join(["0.500 [0.250, 0.750]"] * 3)
    assert row == f"| 0.1 | 1,360 | 80 | 0.700 | 0.800 | 0.600 | {spans} |"


def test_the_ablation_says_why_a_limit_has_no_scores():
    limits = [
        {"max_similarity": 0.1, "reason": "class 'A' has 1 clusters | too few"},
        {"max_similarity": 0.4, "clusters": 1292, "largest_cluster": 161}
        | {"models": {"network": SCORES}},
    ]
    rows = ablation_table(FACTS | {"limits": limits}).splitlines()[6:]
    assert rows == [
        r"| 0.1 | class 'A' has 1 clusters \| too few |  |  |  |  |",
        "| 0.4 | 1,292 | 161 | 0.700 | 0.800 | 0.600 |",
    ]


def test_an_ablation_without_any_split_has_reasons_alone():
    limits = [{"max_similarity": 0.1, "reason": "no"}]
    assert ablation_table(FACTS | {"limits": limits}).splitlines()[6:] == ["| 0.1 | no |  |"]


def test_what_was_left_out_stands_with_flags_and_calls():
    found = {
        "label": "B",
        "left_out": 50,
        "proteins": 10,
        "known": 1190,
        "auroc": {"distance": 0.75, "confidence": 0.5},
        "flagged": 0.2,
        "false_flags": 0.05,
        "called": {"other": 9, "beta-lactamase": 0, "A": 1},
    }
    left_out = FACTS | {"classes": {"B": found}, "families": {}, "skipped": {"B 1": "too few"}}
    lines = left_out_table(left_out).splitlines()[6:]
    assert lines == [
        "| B | B | 10 of 50 | 20.0% | 5.0% | 0.750 | 0.500 | other 9, A 1 |",
        "",
        "Not left out: B 1: too few",
    ]
