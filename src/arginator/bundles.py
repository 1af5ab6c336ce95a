"""Bundles: a model with all that is needed to use it, and a manifest that vouches for each file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import onnxruntime as ort

from arginator.calibration_files import CalibrationFile, read_calibration
from arginator.classifiers import OnnxClassifier
from arginator.errors import ModelError
from arginator.files import hash_file, replacing_folder, write_json, write_text
from arginator.manifests import (
    FORMAT_VERSION,
    REMEDY,
    DataFacts,
    Ends,
    FileFacts,
    Manifest,
    read_manifest,
)
from arginator.novelty import NoveltyIndex, read_novelty, save_novelty
from arginator.prepared import Provenance
from arginator.tasks import Signature

MODEL, CALIBRATION, CARD = "model.onnx", "calibration.json", "MODEL_CARD.md"
REFERENCE = "reference.safetensors"
CONTENT = (MODEL, CALIBRATION, REFERENCE, CARD)
MANIFEST = "manifest.json"
INPUT, OUTPUT = "vectors", "logit"  # of the graph in every bundle; its card counts on them
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def pick_calibration(path: Path, model: str) -> CalibrationFile:
    """Read what is known of one model, in the same layout as that of all.

    Raises:
        ModelError: The file is missing or damaged, or nothing in it is known of the model.
    """
    file = read_calibration(path)
    if model not in file.models:
        problem = f"holds nothing on model {model!r} (there: {', '.join(file.models)})"
        raise ModelError(path, problem, "run `dvc repro calibrate`")
    return file.model_copy(update={"models": {model: file.models[model]}})


def write_bundle(
    folder: Path,
    onnx_path: Path,
    card_text: str,
    calibration: CalibrationFile,
    reference: NoveltyIndex,
    about: Provenance,
    facts: Mapping[str, Any],
) -> None:
    """Write model, calibration, reference, card and manifest into `folder`, in place of all there.

    Args:
        folder: Becomes the bundle, whole or not at all.
        onnx_path: The model; its own signature goes into the manifest.
        card_text: The model card, Markdown.
        calibration: From the model's own probabilities to an answer; of this model alone.
        reference: The training proteins as points.
        about: Where they came from.
        facts: Data, params and code behind the model, for the manifest; finite JSON.

    Raises:
        ModelError: `onnx_path` is missing, damaged or carries no signature, its input or output
            has another name than every bundle's, or the calibration is not of this model alone,
            or the reference is of other vectors or another threshold.
    """
    signature = OnnxClassifier(onnx_path).signature
    _check_names(onnx_path)
    _check_calibration(calibration, signature, onnx_path)
    _check_reference(reference, calibration, signature, onnx_path)
    with replacing_folder(folder) as temporary:
        shutil.copyfile(onnx_path, temporary / MODEL)
        write_json(calibration.to_dict(), temporary / CALIBRATION)
        save_novelty(reference, temporary / REFERENCE)
        write_text(card_text, temporary / CARD)
        manifest = {
            "format_version": FORMAT_VERSION,
            "task": signature.task,
            "signature": asdict(signature),
            "onnx": describe_ends(signature).model_dump(),
            "data": {name: getattr(about, name) for name in DataFacts.model_fields},
            "files": {name: _describe(temporary / name) for name in CONTENT},
            "facts": dict(facts),
        }
        write_json(manifest, temporary / MANIFEST)


def verify_bundle(folder: Path) -> Manifest:
    """Check every file of a bundle against its manifest, and the model against its signature.

    Raises:
        ModelError: The manifest is missing, damaged or of another format; a file is missing, has
            another size or checksum, or lies outside the folder; or the model is another one than
            the manifest or the calibration say.
    """
    manifest = read_manifest(folder / MANIFEST)
    for name in dict.fromkeys(CONTENT) | dict.fromkeys(manifest.files):
        _verify_file(folder, name, manifest.files.get(name))
    signature = OnnxClassifier(folder / MODEL).signature
    described = (manifest.signature, manifest.task, manifest.onnx)
    if described != (signature, signature.task, describe_ends(signature)):
        raise ModelError(folder / MANIFEST, f"describes another model than {MODEL} holds", REMEDY)
    _check_names(folder / MODEL)
    calibration = read_calibration(folder / CALIBRATION)
    _check_calibration(calibration, signature, folder / CALIBRATION)
    reference = read_novelty(folder / REFERENCE)
    _check_reference(reference, calibration, signature, folder / REFERENCE)
    return manifest


def describe_ends(signature: Signature) -> Ends:
    """Return how to ask a model of this signature."""
    probability: Literal["sigmoid", "softmax"]
    probability = "sigmoid" if signature.kind == "binary" else "softmax"
    return Ends(input=INPUT, output=OUTPUT, values="logit", probability=probability)


def _check_names(path: Path) -> None:
    """Refuse a model, known to be readable, whose ends have other names than every bundle's."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = tuple(end.name for end in (*session.get_inputs(), *session.get_outputs()))
    if found != (INPUT, OUTPUT):
        problem = f"its graph goes from {found[0]!r} to {found[1]!r}, expected {INPUT!r} to"
        raise ModelError(path, f"{problem} {OUTPUT!r}", "run `dvc repro compress`")


def _check_calibration(file: CalibrationFile, signature: Signature, where: Path) -> None:
    """Refuse a calibration that is not of one model, of this task and these classes."""
    classes = {file.classes}
    for model in file.models.values():
        classes |= {model.calibration.classes, model.conformal.classes}
    if (file.task, classes, len(file.models)) != (signature.task, {signature.classes}, 1):
        problem = f"the calibration is not that of one model of task {signature.task!r} alone"
        raise ModelError(where, problem, REMEDY)


def _check_reference(
    reference: NoveltyIndex, file: CalibrationFile, signature: Signature, where: Path
) -> None:
    """Refuse a reference of vectors of another width, or with another threshold."""
    width, expected = len(reference.mean), signature.width
    if width != expected or reference.unit.shape != (len(reference.ids), width):
        problem = f"the reference holds vectors of width {width:,}, expected {expected:,}"
        raise ModelError(where, problem, REMEDY)
    if (reference.threshold, reference.neighbours) != (
        file.novelty.threshold,
        file.novelty.neighbours,
    ):
        raise ModelError(where, "the reference is of another calibration", REMEDY)


def _describe(path: Path) -> dict[str, Any]:
    """Return checksum and size of a file."""
    return {"sha256": hash_file(path), "bytes": path.stat().st_size}


def _verify_file(folder: Path, name: str, expected: FileFacts | None) -> None:
    """Refuse a file that is not the one that was written."""
    if expected is None:
        raise ModelError(folder / MANIFEST, f"does not list {name!r}", REMEDY)
    path = folder / name
    if not PLAIN_NAME.fullmatch(name) or path.resolve().parent != folder.resolve():
        problem = f"lists {name[:100]!r}, which is no file of its own folder"
        raise ModelError(folder / MANIFEST, problem, REMEDY)
    if not path.is_file():
        raise ModelError(path, "no such file, though the manifest lists it", REMEDY)
    found = FileFacts(**_describe(path))
    if found.bytes != expected.bytes:
        problem = f"has {found.bytes:,} bytes, expected {expected.bytes:,}"
        raise ModelError(path, f"{problem} as the manifest says", REMEDY)
    if found.sha256 != expected.sha256:
        problem = f"checksum failed, sha256 {found.sha256[:12]}…, expected {expected.sha256[:12]}…"
        raise ModelError(path, problem, REMEDY)
