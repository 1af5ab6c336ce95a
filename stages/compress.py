"""Make the network small: export to ONNX, take neurons out, and quantize to 8-bit integers."""

from collections.abc import Sequence

from arginator.compression import compress_network, export_onnx, quantize_onnx
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
        argv,
        words=["task"],
        inputs=["prepared", "splits", "network"],
        folders=["onnx", "pruned", "quantized"],
    )
    params = load_params(args.params)
    prepared, splits = read_prepared(args.prepared), read_splits(args.splits)
    task = define_task(args.task, params.task(args.task), prepared.about)
    network, signature = load_network(args.network)
    pruned = compress_network(
        network,
        splits.select(prepared, "train"),
        splits.select(prepared, "validation"),
        task,
        params.compress,
        params.train,
        params.seed,
    )
    with (
        replacing_folder(args.onnx) as onnx,
        replacing_folder(args.pruned) as slim,
        replacing_folder(args.quantized) as quantized,
    ):
        export_onnx(network, signature, onnx / "model.onnx")
        export_onnx(pruned, signature, slim / "model.onnx")
        quantize_onnx(onnx / "model.onnx", quantized / "model.onnx")


if __name__ == "__main__":
    run(main)
