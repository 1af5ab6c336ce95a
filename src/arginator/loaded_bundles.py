"""Bundles in use: checked whole, then read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arginator.bundles import CALIBRATION, MANIFEST, MODEL, REFERENCE, verify_bundle
from arginator.calibrated import CalibratedModel
from arginator.calibration_files import read_calibration
from arginator.classifiers import OnnxClassifier
from arginator.errors import ModelError
from arginator.files import hash_file
from arginator.manifests import Manifest
from arginator.novelty import NoveltyIndex, read_novelty

ID_CHARACTERS = 12


@dataclass(frozen=True)
class Bundle:
    """A model with all that is known of it.

    Attributes:
        id: First characters of the manifest's SHA-256, which vouches for every other file.
        manifest: What it says about itself.
        model: The model, calibrated.
        reference: Its training proteins as points.
    """

    id: str
    manifest: Manifest
    model: CalibratedModel
    reference: NoveltyIndex

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.manifest.task

    def refuse_others(self, folder: Path) -> None:
        """Raise a ModelError if there is a file that the manifest does not list."""
        known = {MANIFEST, *self.manifest.files}
        others = sorted(path.name for path in folder.iterdir() if path.name not in known)
        if others:
            problem = f"holds {len(others)} files that its manifest does not list"
            raise ModelError(folder, f"{problem} (first: {others[0]!r})", "remove them")


def load_bundle(folder: Path, threads: int = 2) -> Bundle:
    """Check every file of a bundle and read it; no code in it is run.

    Args:
        folder: The bundle.
        threads: Threads of the model; the number does not change an answer.

    Raises:
        ModelError: A file is missing, damaged or not the one that was written.
    """
    manifest = verify_bundle(folder)
    (known,) = read_calibration(folder / CALIBRATION).models.values()
    classifier = OnnxClassifier(folder / MODEL, threads)
    model = CalibratedModel(
        classifier,
        known.calibration,
        classifier.signature,
        known.conformal,
        known.confidence_threshold,
    )
    reference = read_novelty(folder / REFERENCE)
    return Bundle(hash_file(folder / MANIFEST)[:ID_CHARACTERS], manifest, model, reference)


def load_bundles(folder: Path, task: str | None = None, threads: int = 2) -> list[Bundle]:
    """Check and read the bundles that `find_bundles` finds, those of binary tasks first.

    Raises:
        ModelError: There is none, or one is damaged.
    """
    found = [load_bundle(path, threads) for path in find_bundles(folder, task)]
    others = [bundle.task for bundle in found if task not in (None, bundle.task)]
    if others:
        problem = f"is a bundle of task {others[0]!r}, not of {task!r}"
        raise ModelError(folder, problem, "name another with --bundle")
    return sorted(found, key=lambda bundle: bundle.manifest.signature.kind)


def find_bundles(folder: Path, task: str | None = None) -> list[Path]:
    """Return the bundles in a folder: itself, or `<task>/bundle` of each task in it, by name.

    Args:
        folder: A bundle, or a folder of models such as `models`.
        task: The only task wanted; None for all.

    Raises:
        ModelError: There is none.
    """
    if (folder / MANIFEST).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"*/bundle/{MANIFEST}"))
    found = [path for path in found if task in (None, path.parent.name)]
    if not found:
        wanted = f"no bundle of task {task!r}" if task else "no bundle"
        raise ModelError(
            folder,
            f"holds {wanted}",
            "run `dvc repro card` or name another folder, as in --bundle DIR",
        )
    return found
