"""Draw what the studies found: the gap, the learning curve, the limits, the unknown."""

from collections.abc import Sequence

from arginator.console import parse_paths, run
from arginator.drawing.left_out_figures import draw_left_out
from arginator.drawing.study_figures import (
    draw_ablation,
    draw_gap,
    draw_learning_curve,
)
from arginator.figures import write_figures
from arginator.files import read_json, replacing_folder


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = parse_paths(
        argv, inputs=["gap", "learning_curve", "ablation", "left_out"], folders=["figures"]
    )
    figures = {
        "gap": draw_gap(read_json(args.gap)),
        "learning_curve": draw_learning_curve(read_json(args.learning_curve)),
        "ablation": draw_ablation(read_json(args.ablation)),
        "left_out": draw_left_out(read_json(args.left_out)),
    }
    with replacing_folder(args.figures) as folder:
        write_figures(figures, folder)


if __name__ == "__main__":
    run(main)
