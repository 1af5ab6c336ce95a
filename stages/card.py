"""Write the model card and pack the chosen model with all that is needed to use it."""

from collections.abc import Sequence

from arginator.bundles import write_bundle
from arginator.cards import read_facts, render_card
from arginator.classifiers import OnnxClassifier, onnx_paths
from arginator.console import parse_paths, run
from arginator.files import hash_file, write_text
from arginator.prepared import read_provenance


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(
        argv,
        words=["task"],
        inputs=["prepared", "splits", "metrics", "models"],
        outputs=["card"],
        folders=["bundle"],
    )
    facts = read_facts(args.metrics, args.task)
    model = onnx_paths(args.models)[facts["choice"]["model"]]
    signature = OnnxClassifier(model).signature
    card = render_card(signature, read_provenance(args.prepared), **facts)
    write_text(card, args.card)
    hashes = {"prepared": hash_file(args.prepared), "splits": hash_file(args.splits)}
    write_bundle(args.bundle, model, card, {"sha256": hashes})


if __name__ == "__main__":
    run(main)
