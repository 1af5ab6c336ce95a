"""The service answers as the command does, and every fault with a problem."""

import gzip
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from arginator.loaded_bundles import load_bundles
from arginator.prediction import Predictor

COMMAND = Path(sys.executable).with_name("arginator")
PROBLEM = "application/problem+json"
SECURITY = ("content-security-policy", "x-content-type-options", "referrer-policy")


def sequences(make_sequences, n, seed=1):
    return [{"id": f"p{row}", "sequence": text} for row, text in enumerate(make_sequences(n, seed))]


def hdf5(matrix):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for row, vector in enumerate(matrix):
            file[f"p{row}"] = vector
    return content.getvalue()


def expect_problem(answer, status, detail):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    found = answer.json()
    assert set(found) == {"title", "status", "detail"}
    assert found["status"] == status
    assert detail in found["detail"]


def test_rows_of_sequences_are_those_of_the_command(server, make_sequences, fasta, predicted):
    body = {"sequences": sequences(make_sequences, 9)}
    answer = server.client.post("/v1/predict", json=body)
    assert answer.status_code == 200
    expected = predicted("q.fasta", fasta(9).encode(), "jsonl").splitlines()
    assert answer.json()["rows"] == [json.loads(line) for line in expected]


def test_rows_of_vectors_are_those_of_the_command(server, kmers, make_sequences, fasta, predicted):
    matrix = kmers.embed(make_sequences(3, 1))
    vectors = [{"id": f"p{row}", "vector": vector.tolist()} for row, vector in enumerate(matrix)]
    answer = server.client.post("/v1/predict", json={"vectors": vectors, "neighbours": False})
    expected = predicted("q.fasta", fasta(3).encode(), "jsonl").splitlines()
    for row, line in zip(answer.json()["rows"], expected, strict=True):
        wanted = json.loads(line)
        assert "novelty" not in row
        assert row == {name: wanted[name] for name in row}


def test_every_answer_names_the_bundle_and_is_guarded(server, models):
    bundle = Predictor(load_bundles(models)).id
    for path in ("/", "/version", "/v1/jobs/none", "/v2/models/none", "/nowhere", "/metrics"):
        headers = server.client.get(path).headers
        assert headers["x-arginator-bundle"] == bundle
        assert all(name in headers for name in SECURITY)
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
def test_results_of_jobs_are_those_of_the_command(server, fasta, predicted, kind):
    content = fasta(1500).encode()
    job = server.follow(server.start(content))
    assert (job["state"], job["done"], job["total"]) == ("succeeded", 1500, 1500)
    answer = server.client.get(job["links"]["result"], params={"format": kind})
    assert answer.headers["content-disposition"] == f'attachment; filename="q.{kind}"'
    expected = predicted("q.fasta", content, kind)
    if kind == "parquet":
        found, wanted = (pq.read_table(io.BytesIO(one)) for one in (answer.content, expected))
        assert found.equals(wanted)
    else:
        assert answer.content == expected


@pytest.mark.parametrize("form", [False, True])
def test_files_of_vectors_are_scored_by_either_way_of_sending(
    server, kmers, make_sequences, fasta, predicted, form
):
    content = hdf5(kmers.embed(make_sequences(5, 1)))
    if form:
        answer = server.client.post("/v1/jobs", files={"file": ("v.h5", content)})
        assert answer.status_code == 202
        job = answer.json()
        assert job["name"] == "v.h5"
    else:
        job = server.start(content, "v.h5")
    job = server.follow(job)
    assert job["state"] == "succeeded", job
    found = server.client.get(job["links"]["result"]).content
    assert found == predicted("q.fasta", fasta(5).encode(), "tsv")


def test_gzip_is_read_as_it_is(server, fasta):
    job = server.follow(server.start(gzip.compress(fasta(5).encode()), "q.fasta.gz"))
    assert (job["state"], job["done"], job["total"]) == ("succeeded", 5, 5)


def test_what_is_not_scored_is_listed_with_its_reason(server):
    job = server.follow(server.start(">a\nMKTAYIAKQRLLE\n>b\nM?K\n>c\nXX\n"))
    assert (job["state"], job["done"]) == ("succeeded", 3)
    rows = server.client.get(job["links"]["rejected"]).text.splitlines()
    assert rows == [
        "id\tstatus",
        "b\tnot scored: '?' at position 2 is no residue",
        "c\tnot scored: a vector of zeros",
    ]


def test_the_map_shows_the_proteins(server, fasta):
    job = server.follow(server.start(fasta(5)))
    answer = server.client.get(job["links"]["plot.svg"])
    assert answer.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in answer.content


def test_models_of_other_families_have_no_hamronized_result(server, fasta):
    job = server.follow(server.start(fasta(2)))
    answer = server.client.get(job["links"]["result"], params={"format": "hamronized"})
    expect_problem(answer, 422, "hAMRonization reports each beta-lactamase")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b">a\nMKT\n>a\nMKV\n", "same id as the record in line 1"),
        (b">a\n" + b"ACGT" * 30 + b"\n", "looks like nucleotides"),
        (b"%PDF-1.7 ", "PDF"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 200, "damaged"),
        (b"\x80\x04K\x01.", "pickle"),
        (gzip.compress(b">a\n" + b"MKTAYIAKQR" * 9000)[:60], "damaged or incomplete"),
    ],
)
def test_a_faulty_file_fails_its_job_with_one_line(server, content, problem):
    job = server.follow(server.start(content, "../../a<b>.fasta"))
    assert job["state"] == "failed"
    assert problem in job["problem"]
    assert "\n" not in job["problem"]
    assert job["name"] == "a_b_.fasta"
    assert job["problem"].startswith("a_b_.fasta")
    answer = server.client.get(f"/v1/jobs/{job['id']}/result")
    expect_problem(answer, 409, "the job has no result, it is failed")


def test_vectors_of_another_width_fail_their_job(server):
    job = server.follow(server.start(hdf5(np.eye(3, 31, dtype=np.float32)), "v.h5"))
    assert job["state"] == "failed"
    assert job["problem"].startswith("v.h5: 3 of 3 vectors have width 31, expected 32")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "Field required"),
        ({"sequences": [{"id": "a", "sequence": "M1"}]}, "sequences.0.sequence"),
        ({"sequences": [{"id": "a b", "sequence": "MK"}]}, "sequences.0.id"),
        ({"sequences": [{"id": "a", "sequence": "MK"}] * 2}, "same id as the record"),
        (
            {"sequences": [{"id": str(n), "sequence": "MK"} for n in range(101)]},
            "at most 100 items",
        ),
        ({"vectors": [{"id": "a", "vector": [1.0] * 31}]}, "have width 31, expected 32"),
        ({"vectors": [{"id": "a", "vector": [2.0] * 32}]}, "are not of length 1"),
        ({"vectors": [{"id": "a", "vector": [1e300] * 32}]}, "too large for 32 bits"),
        ({"vectors": [{"id": "a", "vector": [1.0] * 32}] * 2}, "the id stands twice"),
        ({"sequence": "MK"}, "Field required"),
    ],
)
def test_a_faulty_request_is_told_what_is_wrong(server, body, detail):
    expect_problem(server.client.post("/v1/predict", json=body), 422, detail)


def test_a_shape_of_billions_of_empty_rows_is_refused(server):
    tensor = {"name": "vectors", "shape": [2**31, 0], "datatype": "FP32", "data": []}
    answer = server.client.post("/v2/models/group/infer", json={"inputs": [tensor]})
    assert (answer.status_code, answer.json()["error"]) == (
        422,
        "vectors: have width 0, expected 32; made by 'kmer-2'",
    )


def test_json_has_a_limit_of_its_own(server):
    body = b'{"vectors": [' + b" " * 33 * 2**20
    expect_problem(server.client.post("/v1/predict", content=body), 413, "more than 32 MiB")


def test_ids_that_are_no_text_fail_their_job(server):
    content = io.BytesIO()
    names = np.array([0xD800], np.uint32).view("<U1")
    np.savez(content, matrix=np.eye(1, 32, dtype=np.float32), names=names)
    job = server.follow(server.start(content.getvalue(), "v.npz"))
    assert job["state"] == "failed"
    assert "have an id with control characters" in job["problem"]


def test_names_and_forms_in_odd_letters_are_no_fault_of_the_service(server, fasta):
    job = server.follow(server.start(fasta(1), f"a.{98 * '漢'}"))
    assert job["state"] == "succeeded"
    headers = {"content-type": "multipart/form-data; boundary=x; charset=undefined"}
    answer = server.client.post("/v1/jobs", content=b"--x--", headers=headers)
    assert answer.status_code in (400, 422), answer.text


def test_a_result_names_the_models_that_made_it(serve, models, tmp_path, write_task, fasta):
    data = tmp_path / "jobs"
    server = serve(data=data)
    job, bundle = server.follow(server.start(fasta(2))), server.client.get("/version").json()
    server.stop()
    write_task(tmp_path / "other" / "group", "group", quantized=False)
    again = serve(folder=tmp_path / "other", data=data)
    assert again.client.get("/version").json()["bundle"] != bundle["bundle"]
    answer = again.client.get(job["links"]["result"])
    assert answer.headers["x-arginator-bundle"] == bundle["bundle"]


def test_a_folder_of_other_things_is_not_taken_for_jobs(models, tmp_path):
    (tmp_path / "mine").write_text("x")
    words = [COMMAND, "serve", "--bundle", models, "--data", tmp_path, "--port", 1]
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "holds files, and no jobs of a service" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"vectors": [{"id": "a", "vector": [NaN]}]}', 422),
        (b"[" * 100_000, 400),
        (b"\xff\xfe", 422),
        (b"{", 422),
    ],
)
def test_hostile_json_is_a_problem_of_the_client(server, content, status):
    headers = {"content-type": "application/json"}
    answer = server.client.post("/v1/predict", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM


def test_an_id_is_shown_as_text_and_never_run(server):
    job = server.follow(server.start(b"><script>alert(1)</script>\nMKTAYIAKQR\n>=cmd\nMKTAY\n"))
    assert job["state"] == "succeeded"
    answer = server.client.get(job["links"]["result"], params={"format": "csv"})
    assert [line.partition(",")[0] for line in answer.text.splitlines()[1:]] == [
        "<script>alert(1)</script>",
        "'=cmd",
    ]
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith("attachment")


def test_unknown_and_removed_jobs_are_told_apart(server, fasta):
    expect_problem(server.client.get("/v1/jobs/unknown"), 404, "there is no such job")
    job = server.follow(server.start(fasta(2)))
    assert server.client.delete(job["links"]["self"]).status_code == 204
    for path in (job["links"]["self"], job["links"]["result"]):
        expect_problem(server.client.get(path), 404, "there is no such job")


def test_a_job_can_be_cancelled_and_is_still_there(server, fasta):
    jobs = [server.start(fasta(20_000)) for _ in range(3)]
    answer = server.client.post(f"{jobs[2]['links']['self']}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert server.client.get(jobs[2]["links"]["self"]).json()["state"] == "cancelled"
    expect_problem(server.client.get(f"{jobs[2]['links']['self']}/result"), 409, "it is cancelled")
    for job in jobs:
        assert server.client.delete(job["links"]["self"]).status_code == 204


def test_old_jobs_are_gone_and_say_so(serve, fasta):
    server = serve("--keep-hours", 1e-6)
    job = server.follow(server.start(fasta(1)))
    end = time.monotonic() + 90
    while (answer := server.client.get(job["links"]["self"])).status_code == 200:
        assert time.monotonic() < end
        time.sleep(0.2)
    expect_problem(answer, 410, "the job is too old")


def test_methods_that_a_path_has_are_listed_when_another_is_asked_for(server):
    answer = server.client.put("/v1/jobs/x")
    expect_problem(answer, 405, "")
    assert answer.headers["allow"] == "DELETE, GET"


def test_wrong_kinds_of_content_are_refused(server):
    answer = server.client.post("/v1/jobs", json={"fasta": ">a"})
    expect_problem(answer, 415, "send the file itself")
    answer = server.client.post("/v1/jobs", data={"file": ">a"}, files={"other": b"x"})
    expect_problem(answer, 422, "the form has no file called 'file'")
    expect_problem(server.client.get("/v1/predict"), 405, "")


def test_bodies_beyond_the_limit_are_refused_with_and_without_a_length(serve):
    server = serve("--max-body", 1)
    large = b">a\n" + b"M" * 2**21
    start = time.monotonic()
    for content in (large, (large[at : at + 65536] for at in range(0, len(large), 65536))):
        answer = server.client.post("/v1/jobs", content=content)
        expect_problem(answer, 413, "more than 1 MiB")
    assert time.monotonic() - start < 5
    assert not list((server.log.with_suffix("") / "files").glob("*"))


def test_too_many_jobs_are_put_off(serve, fasta):
    server = serve("--jobs-a-minute", 5)
    answers = [server.client.post("/v1/jobs", content=fasta(1)) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429] * 3
    expect_problem(answers[-1], 429, "too many requests")
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert server.client.get("/v2/health/live").status_code == 200


def test_a_token_is_asked_for(serve, fasta):
    server = serve(token="secret word")
    assert server.client.get("/version").status_code == 200
    server.client.headers.pop("authorization")
    for path in ("/version", "/v1/jobs/x", "/metrics", "/v2/models/group"):
        answer = server.client.get(path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert server.client.get("/v2/health/ready").status_code == 200
    assert server.client.get("/").status_code == 200


def test_measures_are_by_route_and_name_the_bundle(server, models):
    server.client.get("/v1/jobs/secret-id")
    server.client.get("/nowhere/at/all")
    server.client.request("MADEUP", "/version")
    text = server.client.get("/metrics").text
    assert 'route="/v1/jobs/{job_id}",status="404"' in text
    assert "secret-id" not in text
    assert "nowhere" not in text
    assert "MADEUP" not in text
    assert f'bundle="{Predictor(load_bundles(models)).id}"' in text
    assert 'arginator_jobs{state="queued"}' in text


def test_the_inference_protocol_gives_the_models_own_probabilities(
    server, models, kmers, make_sequences
):
    matrix = kmers.embed(make_sequences(4, 1))
    data = {"name": "vectors", "shape": [4, 32], "datatype": "FP32"}
    for bundle in load_bundles(models):
        path = f"/v2/models/{bundle.task}"
        about = server.client.get(path).json()
        assert about["inputs"] == [{"name": "vectors", "datatype": "FP32", "shape": [-1, 32]}]
        for numbers in (matrix.ravel().tolist(), matrix.tolist()):
            body = {"id": "7", "inputs": [data | {"data": numbers}]}
            found = server.client.post(f"{path}/infer", json=body).json()
            expected = bundle.model.predict_probability(matrix)
            assert (found["id"], found["model_version"]) == ("7", bundle.id)
            probability, label = found["outputs"]
            assert probability["shape"] == list(expected.shape)
            np.testing.assert_array_equal(probability["data"], expected.ravel())
            classes = about["parameters"]["classes"]
            assert label["data"] == [classes[place] for place in expected.argmax(axis=1)]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"shape": [4, 31]}, 422),
        ({"shape": [3, 32]}, 422),
        ({"datatype": "INT64"}, 422),
        ({"data": [[1.0]]}, 422),
        ({"name": "x"}, 422),
    ],
)
def test_faults_of_the_inference_protocol_have_its_shape(server, change, status):
    tensor = {"name": "vectors", "shape": [4, 32], "datatype": "FP32", "data": [0.0] * 128}
    body = {"inputs": [tensor | change]}
    answer = server.client.post("/v2/models/group/infer", json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert list(server.client.get("/v2/models/none").json()) == ["error"]
