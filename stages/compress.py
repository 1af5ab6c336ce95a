"""Make smaller networks from the one that was trained, as ONNX files side by side."""

from collections.abc import Sequence

from arginator.compression import Compression
from arginator.console import parse_paths, run
from arginator.ffnn import load_network
from arginator.files import replacing_folder
from arginator.params import load_params
from arginator.prepared import read_prepared
from arginator.splits import read_splits
from arginator.tasks import define_task


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(
        argv, words=["task"], inputs=["prepared", "splits", "network"], folders=["onnx"]
    )
    params = load_params(args.params)
    prepared, splits = read_prepared(args.prepared), read_splits(args.splits)
    network, signature = load_network(args.network)
    compression = Compression(
        network,
        splits.select(prepared, "train"),
        splits.select(prepared, "validation"),
        define_task(args.task, params.task(args.task), prepared.about),
        params.compress,
        params.train,
        params.seed,
    )
    with replacing_folder(args.onnx) as folder:
        compression.write(signature, folder)


if __name__ == "__main__":
    run(main)
