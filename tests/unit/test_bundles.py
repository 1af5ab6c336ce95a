"""Tests of bundles: whole, vouched for, and refused by name when anything is amiss."""

import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from arginator.bundles import (
    CALIBRATION,
    CARD,
    MANIFEST,
    MODEL,
    REFERENCE,
    pick_calibration,
    verify_bundle,
    write_bundle,
)
from arginator.calibration_files import CalibrationFile, read_calibration
from arginator.classifiers import METADATA_KEY, PARAMETERS_KEY
from arginator.errors import ModelError
from arginator.files import write_json
from arginator.novelty import NoveltyIndex
from arginator.prepared import Provenance
from arginator.tasks import Signature

SIGNATURE = Signature("binary", "binary", ("other", "toxin"), "toxin", 3, "kmer", "demo", True)
FACTS = {
    "data": {"prepared.parquet": "0c15"},
    "params": {"seed": 7, "model": {"width": 8}},
    "code": {"version": "0.1.0"},
}
FILES = (MODEL, CALIBRATION, REFERENCE, CARD)  # that every bundle has beside its manifest
REMEDY = "run `dvc repro card` or fetch the bundle again"


ABOUT = Provenance("demo", "Demo", True, "simulated", "CC0-1.0", "", "kmer", {})


def make_reference(width=SIGNATURE.width, threshold=0.86):
    """Return four training proteins as points."""
    unit = np.eye(4, width, dtype=np.float16)
    ids, labels = ("p", "q", "r", "s"), ("toxin", "toxin", "other", "other")
    return NoveltyIndex(np.zeros(width, np.float32), unit, ids, labels, 5, threshold)


def write_model(path, signature=SIGNATURE, weight=1.0, output="logit"):
    """Write a linear model of `signature` as ONNX."""
    outputs = 1 if signature.kind == "binary" else len(signature.classes)
    weights = np.full((signature.width, outputs), weight, np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["vectors", "weights"], [output])],
        "linear",
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", signature.width])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", outputs])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    properties = {METADATA_KEY: signature.to_json(), PARAMETERS_KEY: str(weights.size)}
    helper.set_model_props(model, properties)
    onnx.save(model, path)
    return path


def make_calibration(signature=SIGNATURE, models=("quantized",), **changes):
    """Return what is known of models of `signature`."""
    shares = dict.fromkeys(signature.classes, 1 / len(signature.classes))
    model = {
        "calibration": {
            "classes": signature.classes, "method": "temperature", "training_prior": shares,
            "prevalence": shares, "temperature": 1.5, "bias": [0.0] * len(signature.classes),
        },
        "conformal": {
            "classes": signature.classes, "alpha": 0.1, "quantile": {signature.classes[0]: 0.6},
        },
        "confidence_threshold": 0.2,
    }  # fmt: skip
    content = {
        "format_version": 1, "task": signature.task, "classes": signature.classes, "alpha": 0.1,
        "prevalence": shares, "models": dict.fromkeys(models, model),
        "novelty": {"neighbours": 5, "threshold": 0.86},
    }  # fmt: skip
    return CalibrationFile.model_validate_json(json.dumps(content | changes))


@pytest.fixture
def bundle(tmp_path):
    """Return a folder with a sound bundle."""
    model = write_model(tmp_path / "m.onnx")
    write_bundle(
        tmp_path / "bundle", model, "# Card\n", make_calibration(), make_reference(), ABOUT, FACTS
    )
    return tmp_path / "bundle"


def edit_manifest(bundle, **changes):
    """Change keys of a bundle's manifest."""
    content = json.loads((bundle / MANIFEST).read_text("utf-8"))
    (bundle / MANIFEST).write_text(json.dumps(content | changes), "utf-8")


def edit_files(bundle, **changes):
    """Change the files that a bundle's manifest lists."""
    edit_manifest(bundle, files=read_files(bundle) | changes)


def read_files(bundle):
    """Return the files that a bundle's manifest lists."""
    return json.loads((bundle / MANIFEST).read_text("utf-8"))["files"]


def refusal(bundle):
    """Return the message with which a bundle is refused, without the folder."""
    with pytest.raises(ModelError) as error:
        verify_bundle(bundle)
    return str(error.value).removeprefix(f"{bundle}/")


def test_a_bundle_says_what_it_holds(bundle):
    manifest = verify_bundle(bundle)
    assert manifest.signature == SIGNATURE
    assert (manifest.format_version, manifest.task, manifest.facts) == (3, "binary", FACTS)
    assert sorted(path.name for path in bundle.iterdir()) == [
        CARD,
        CALIBRATION,
        MANIFEST,
        MODEL,
        REFERENCE,
    ]
    assert {name: (file.sha256, file.bytes) for name, file in manifest.files.items()} == {
        name: (
            hashlib.sha256((bundle / name).read_bytes()).hexdigest(),
            len((bundle / name).read_bytes()),
        )
        for name in FILES
    }
    assert read_calibration(bundle / CALIBRATION) == make_calibration()


@pytest.mark.parametrize(
    ("kind", "probability"), [("binary", "sigmoid"), ("multiclass", "softmax")]
)
def test_a_bundle_says_how_to_ask_its_model(tmp_path, kind, probability):
    signature = replace(SIGNATURE, kind=kind, positive="toxin" if kind == "binary" else None)
    model = write_model(tmp_path / "m.onnx", signature)
    write_bundle(
        tmp_path / "bundle", model, "", make_calibration(signature), make_reference(), ABOUT, {}
    )
    verify_bundle(tmp_path / "bundle")
    assert json.loads((tmp_path / "bundle" / MANIFEST).read_text("utf-8"))["onnx"] == {
        "input": "vectors",
        "output": "logit",
        "values": "logit",
        "probability": probability,
    }


def test_a_model_whose_output_has_another_name_is_never_bundled(tmp_path):
    path = write_model(tmp_path / "m.onnx", output="score")
    with pytest.raises(ModelError) as error:
        write_bundle(tmp_path / "bundle", path, "", make_calibration(), make_reference(), ABOUT, {})
    assert str(error.value) == (
        f"{path}: its graph goes from 'vectors' to 'score', expected 'vectors' to 'logit'; "
        "run `dvc repro compress`"
    )
    assert not (tmp_path / "bundle").exists()


def test_a_manifest_with_another_function_than_the_model_needs_is_refused(bundle):
    ends = json.loads((bundle / MANIFEST).read_text("utf-8"))["onnx"]
    edit_manifest(bundle, onnx=ends | {"probability": "softmax"})
    assert refusal(bundle).startswith("manifest.json: describes another model than model.onnx")


def test_the_shipped_model_is_the_measured_file(bundle, tmp_path):
    assert (bundle / MODEL).read_bytes() == (tmp_path / "m.onnx").read_bytes()
    assert (bundle / CARD).read_bytes() == b"# Card\n"


def test_same_model_gives_the_same_bytes(bundle, tmp_path):
    write_bundle(
        tmp_path / "again",
        tmp_path / "m.onnx",
        "# Card\n",
        make_calibration(),
        make_reference(),
        ABOUT,
        FACTS,
    )
    for name in (*FILES, MANIFEST):
        assert (bundle / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_bundle_replaces_the_one_before_as_a_whole(bundle, tmp_path):
    (bundle / "left.txt").write_text("over")
    other = Signature("multi", "multiclass", ("A", "B", "C"), None, 3, "prott5", "own", False)
    model = write_model(tmp_path / "o.onnx", other)
    write_bundle(bundle, model, "# Other\n", make_calibration(other), make_reference(), ABOUT, {})
    assert verify_bundle(bundle).signature == other
    assert not (bundle / "left.txt").exists()


def test_a_failed_write_leaves_the_old_bundle(bundle, tmp_path):
    facts = {"data": float("nan")}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_bundle(
            bundle,
            tmp_path / "m.onnx",
            "# New\n",
            make_calibration(),
            make_reference(),
            ABOUT,
            facts,
        )
    assert verify_bundle(bundle).facts == FACTS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "m.onnx"]


def test_a_model_without_signature_is_never_bundled(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=re.escape(f"{tmp_path}/m.onnx: ")):
        write_bundle(
            tmp_path / "bundle",
            tmp_path / "m.onnx",
            "",
            make_calibration(),
            make_reference(),
            ABOUT,
            {},
        )
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(bundle, name):
    (bundle / name).unlink()
    assert refusal(bundle) == f"{name}: no such file, though the manifest lists it; {REMEDY}"


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found(bundle, name):
    content = bytearray((bundle / name).read_bytes())
    expected = hashlib.sha256(content).hexdigest()[:12]
    content[3] ^= 1
    (bundle / name).write_bytes(content)
    found = hashlib.sha256(content).hexdigest()[:12]
    assert refusal(bundle) == (
        f"{name}: checksum failed, sha256 {found}…, expected {expected}…; {REMEDY}"
    )


def test_a_truncated_file_is_named_with_both_sizes(bundle):
    (bundle / CARD).write_text("# Ca")
    assert refusal(bundle) == (f"{CARD}: has 4 bytes, expected 7 as the manifest says; {REMEDY}")


def test_a_missing_bundle_is_named(tmp_path):
    assert refusal(tmp_path / "none") == f"manifest.json: no such file; {REMEDY}"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_manifest_is_refused(bundle, content):
    (bundle / MANIFEST).write_bytes(content)
    assert refusal(bundle) == f"manifest.json: damaged, or no JSON; {REMEDY}"


@pytest.mark.parametrize("version", [1, 2, 4, "3", None])
def test_an_unknown_format_is_refused(bundle, version):
    edit_manifest(bundle, format_version=version)
    assert refusal(bundle) == (
        f"manifest.json: has format version {version!r}, expected 3; "
        "use the release of arginator that wrote it"
    )


def test_a_manifest_that_is_no_mapping_is_refused(bundle):
    (bundle / MANIFEST).write_text("[]")
    assert refusal(bundle).startswith("manifest.json: has format version None, expected 3; ")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"files": []}, "files: input should be a valid dictionary"),
        ({"extra": 1}, "extra: extra inputs are not permitted"),
        (
            {"files": {MODEL: {"sha256": "x", "bytes": 1}}},
            "files.model.onnx.sha256: string should match pattern '^[0-9a-f]{64}$'",
        ),
    ],
)
def test_a_wrong_key_or_type_in_the_manifest_is_named(bundle, changes, problem):
    edit_manifest(bundle, **changes)
    assert refusal(bundle) == f"manifest.json: damaged ({problem}); {REMEDY}"


@pytest.mark.parametrize("signature", [None, [], {"task": "binary"}])
def test_a_manifest_without_signature_is_refused(bundle, signature):
    edit_manifest(bundle, signature=signature)
    assert refusal(bundle) == "manifest.json: carries no readable signature; train it again"


@pytest.mark.parametrize("name", FILES)
def test_a_manifest_must_vouch_for_every_file(bundle, name):
    files = read_files(bundle)
    del files[name]
    edit_manifest(bundle, files=files)
    assert refusal(bundle) == f"manifest.json: does not list {name!r}; {REMEDY}"


@pytest.mark.parametrize(
    "name", ["../m.onnx", "/etc/passwd", "..", ".", "", "a/b", "a\0b", "x" * 400]
)
def test_a_file_outside_the_folder_is_refused_unread(bundle, name):
    edit_files(bundle, **{name: read_files(bundle)[MODEL]})
    assert refusal(bundle) == (
        f"manifest.json: lists {name[:100]!r}, which is no file of its own folder; {REMEDY}"
    )


def test_a_link_out_of_the_folder_is_refused(bundle, tmp_path):
    (bundle / MODEL).unlink()
    (bundle / MODEL).symlink_to(tmp_path / "m.onnx")
    assert refusal(bundle) == (
        f"manifest.json: lists 'model.onnx', which is no file of its own folder; {REMEDY}"
    )


def test_a_further_file_is_checked_too(bundle):
    edit_files(bundle, **{"more.txt": read_files(bundle)[MODEL]})
    assert refusal(bundle) == f"more.txt: no such file, though the manifest lists it; {REMEDY}"


def test_another_model_than_the_manifest_describes_is_refused(bundle):
    edit_manifest(bundle, task="other")
    assert refusal(bundle) == (
        f"manifest.json: describes another model than model.onnx holds; {REMEDY}"
    )


def test_a_bundle_takes_what_is_known_of_its_own_model_alone(tmp_path):
    path = tmp_path / "calibration.json"
    write_json(make_calibration(models=("network", "quantized")).to_dict(), path)
    assert pick_calibration(path, "quantized") == make_calibration()


def test_a_model_of_which_nothing_is_known_is_named(tmp_path):
    path = tmp_path / "calibration.json"
    write_json(make_calibration(models=("network", "pruned")).to_dict(), path)
    with pytest.raises(ModelError) as error:
        pick_calibration(path, "quantized")
    assert str(error.value) == (
        f"{path}: holds nothing on model 'quantized' (there: network, pruned); "
        "run `dvc repro calibrate`"
    )


@pytest.mark.parametrize(
    "calibration",
    [
        make_calibration(models=("network", "quantized")),
        make_calibration(models=()),
        make_calibration(task="other"),
        make_calibration(replace(SIGNATURE, classes=("toxin", "other"))),
        make_calibration(classes=("toxin", "other")),
    ],
    ids=["two models", "none", "other task", "other order", "other order outside"],
)
def test_the_calibration_of_another_model_is_never_bundled(tmp_path, calibration):
    path = write_model(tmp_path / "m.onnx")
    with pytest.raises(ModelError) as error:
        write_bundle(tmp_path / "bundle", path, "", calibration, make_reference(), ABOUT, {})
    assert str(error.value) == (
        f"{path}: the calibration is not that of one model of task 'binary' alone; {REMEDY}"
    )
    assert not (tmp_path / "bundle").exists()


def replace_calibration(bundle, text):
    """Put another calibration into a bundle, with a manifest that vouches for it."""
    (bundle / CALIBRATION).write_text(text, "utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    edit_files(bundle, **{CALIBRATION: {"sha256": digest, "bytes": len(text.encode())}})


def test_the_calibration_of_another_model_is_refused(bundle):
    other = make_calibration(replace(SIGNATURE, task="other"))
    replace_calibration(bundle, json.dumps(other.to_dict()))
    assert refusal(bundle) == (
        "calibration.json: the calibration is not that of one model of task 'binary' alone; "
        f"{REMEDY}"
    )


def test_a_calibration_that_is_no_probability_map_is_refused(bundle):
    content = make_calibration().to_dict()
    content["models"]["quantized"]["calibration"]["temperature"] = -1
    replace_calibration(bundle, json.dumps(content))
    assert refusal(bundle).startswith(
        "calibration.json: damaged (models.quantized.calibration.temperature: "
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"width": 4}, "the reference holds vectors of width 4, expected 3"),
        ({"threshold": 0.5}, "the reference is of another calibration"),
    ],
)
def test_a_reference_of_other_proteins_is_refused(tmp_path, change, problem):
    path, reference = write_model(tmp_path / "m.onnx"), make_reference(**change)
    with pytest.raises(ModelError) as error:
        write_bundle(tmp_path / "bundle", path, "", make_calibration(), reference, ABOUT, {})
    assert str(error.value) == f"{path}: {problem}; {REMEDY}"
    assert not (tmp_path / "bundle").exists()


def test_the_manifest_says_where_the_data_came_from(bundle):
    assert verify_bundle(bundle).data.model_dump() == {
        "title": "Demo",
        "origin": "simulated",
        "licence": "CC0-1.0",
        "citation": "",
    }
