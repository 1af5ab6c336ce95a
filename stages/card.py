"""Write the model card and pack the chosen model with all that is needed to use it."""

from collections.abc import Sequence

from arginator.bundles import CALIBRATION, pick_calibration, write_bundle
from arginator.candidates import candidate_path
from arginator.cards import read_facts, render_card
from arginator.classifiers import OnnxClassifier
from arginator.console import parse_paths, run
from arginator.files import hash_file, write_text
from arginator.params import load_params
from arginator.prepared import read_provenance
from arginator.stored_models import load_novelty


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(
        argv,
        words=["task"],
        inputs=["prepared", "splits", "metrics", "models"],
        outputs=["card"],
        folders=["bundle"],
    )
    params = load_params(args.params)
    settings = {
        "seed": params.seed,
        "split": params.split.model_dump(mode="json"),
        "task": params.task(args.task).model_dump(mode="json"),
        "baseline": params.baseline.model_dump(mode="json"),
        "model": params.model.model_dump(mode="json"),
        "train": params.train.model_dump(mode="json"),
        "compress": params.compress.model_dump(mode="json"),
        "evaluate": params.evaluate.model_dump(mode="json"),
    }
    facts = read_facts(args.metrics, args.task)
    model = candidate_path(args.models, facts["choice"]["model"])
    fitted = args.models / "calibration" / CALIBRATION
    calibration = pick_calibration(fitted, facts["choice"]["model"])
    paths = {"prepared": args.prepared, "splits": args.splits, "model": model}
    hashes = {name: hash_file(path) for name, path in paths.items()}
    settled = {"sha256": hashes, "params": settings}
    signature, about = OnnxClassifier(model).signature, read_provenance(args.prepared)
    card = render_card(signature, about, facts, calibration, settings, hashes)
    write_text(card, args.card)
    write_bundle(args.bundle, model, card, calibration, load_novelty(args.models), about, settled)


if __name__ == "__main__":
    run(main)
