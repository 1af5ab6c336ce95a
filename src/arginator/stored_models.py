"""Models as the stages store them, in the folder of a task."""

from __future__ import annotations

from pathlib import Path

from arginator.baselines import load_baselines
from arginator.calibrated import CalibratedClassifier, CalibratedModel, StoredClassifier
from arginator.calibration_files import REMEDY, read_calibration, read_repeats
from arginator.candidates import candidate_path, read_candidates
from arginator.classifiers import OnnxClassifier
from arginator.errors import ModelError
from arginator.novelty import NoveltyIndex, read_novelty
from arginator.repeats import load_repeats
from arginator.tasks import Signature

FOLDER, FILE, NOVELTY_FILE = "calibration", "calibration.json", "novelty.safetensors"
REPEATS, REPEATS_FILE = "repeats", "repeats.json"


def load_calibrated(models_folder: Path) -> dict[str, CalibratedModel]:
    """Read the baselines, then the candidates of a task, with what is known of each.

    Raises:
        ModelError: A file is missing or damaged, or the calibration is of other models.
    """
    path = models_folder / FOLDER / FILE
    file = read_calibration(path)
    classifiers = load_classifiers(models_folder)
    missing = [name for name in classifiers if name not in file.models]
    if missing:
        problem = f"{len(missing)} models are not calibrated (first: {missing[0]!r})"
        raise ModelError(path, problem, REMEDY)
    for signature in (signature for _, signature in classifiers.values()):
        if signature.classes != file.classes:
            problem = f"is of classes {list(file.classes)}, the models of {list(signature.classes)}"
            raise ModelError(path, problem, REMEDY)
    return {
        name: CalibratedModel(
            classifier,
            file.models[name].calibration,
            signature,
            file.models[name].conformal,
            file.models[name].confidence_threshold,
        )
        for name, (classifier, signature) in classifiers.items()
    }


def load_calibrated_repeats(models_folder: Path) -> list[CalibratedClassifier[OnnxClassifier]]:
    """Read the networks of the other seeds, in order; none if only one seed was asked for.

    Raises:
        DataError: The index of the repeats is missing or damaged.
        ModelError: A network is missing or damaged, or the calibrations are of other repeats.
    """
    networks = load_repeats(models_folder / REPEATS)
    path = models_folder / FOLDER / REPEATS_FILE
    calibrations = read_repeats(path).repeats
    if len(calibrations) != len(networks):
        problem = f"is of {len(calibrations)} repeats, but there are {len(networks)}"
        raise ModelError(path, problem, REMEDY)
    return [CalibratedClassifier(*pair) for pair in zip(networks, calibrations, strict=True)]


def load_novelty(models_folder: Path) -> NoveltyIndex:
    """Read a task's training proteins as points, with the threshold of novelty.

    Raises:
        ModelError: The file is missing or damaged.
    """
    return read_novelty(models_folder / FOLDER / NOVELTY_FILE)


def load_classifiers(models_folder: Path) -> dict[str, tuple[StoredClassifier, Signature]]:
    """Read the baselines and candidates of a task, and what each says about itself.

    Raises:
        ModelError: A file is missing or damaged.
    """
    baselines, signature = load_baselines(models_folder / "baseline")
    networks = {
        name: OnnxClassifier(candidate_path(models_folder, name))
        for name in read_candidates(models_folder)
    }
    return {
        **{name: (baseline, signature) for name, baseline in baselines.items()},
        **{name: (network, network.signature) for name, network in networks.items()},
    }
