"""One table of bad inputs for command and service: the same words, and nothing half written."""

import gzip
import io
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

COMMAND = Path(sys.executable).with_name("arginator")
pytestmark = pytest.mark.slow
WIDTH = 32
UNIT = np.eye(4, WIDTH, dtype=np.float32)


def hdf5(**data):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, value in data.items():
            file[name] = value
    return content.getvalue()


def linked(**links):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["a"] = UNIT[0]
        for name, link in links.items():
            file[name] = link
    return content.getvalue()


def external():
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("a", (WIDTH,), "f4", external=[("/etc/passwd", 0, 4 * WIDTH)])
    return content.getvalue()


def virtual():
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        layout = h5py.VirtualLayout((WIDTH,), "f4")
        layout[:] = h5py.VirtualSource("/tmp/other.h5", "a", (WIDTH,))
        file.create_virtual_dataset("a", layout)
    return content.getvalue()


def enormous():
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("a", (2**40,), "f4", chunks=(2**20,))
    return content.getvalue()


def table(ids, vectors, kind=None):
    kind = kind or pa.list_(pa.float32())
    content = io.BytesIO()
    pq.write_table(pa.table({"id": ids, "embedding": pa.array(vectors, kind)}), content)
    return content.getvalue()


def damaged_table():
    content = io.BytesIO()
    rows = pa.table({"id": ["a"], "embedding": pa.array([UNIT[1].tolist()])})
    pq.write_table(rows, content, write_page_checksum=True, compression=None, use_dictionary=False)
    data = bytearray(content.getvalue())
    place = data.find(np.array([0.0, 1.0, 0.0]).tobytes())
    data[place + 15] ^= 0x80  # the sign of the one: still of length 1
    return bytes(data)


def npz(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def npy(array, *, allow_pickle=False):
    content = io.BytesIO()
    np.save(content, array, allow_pickle=allow_pickle)
    return content.getvalue()


def huge_npy():
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 32), }"
    header += b" " * (117 - len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def zipped():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.txt", "x")
    return content.getvalue()


CASES = {
    "empty file": ("q.fasta", b"", "empty"),
    "blank lines only": ("q.fasta", b"\n\n \n", "no records"),
    "no header first": ("q.fasta", b"MKT\n>a\nMKT\n", ":1"),
    "header without id": ("q.fasta", b">\nMKT\n", "header without an id"),
    "header without sequence": ("q.fasta", b">a\n>b\nMKT\n", "header without a sequence"),
    "duplicate id": ("q.fasta", b">a\nMK\n>a\nMK\n", "same id as the record in line 1"),
    "nucleotides": ("q.fasta", b">a\n" + b"ACGT" * 20, "looks like nucleotides"),
    "UTF-16": ("q.fasta", ">a\nMKT\n".encode("utf-16"), "UTF-16"),
    "Latin-1": ("q.fasta", b">a\xe9\nMKT\n", "UTF-8"),
    "FASTQ": ("q.fasta", b"@a\nACGT\n+\nIIII\n", "FASTQ"),
    "GenBank": ("q.fasta", b"LOCUS       X 10 bp\n", "GenBank"),
    "PDF": ("q.fasta", b"%PDF-1.7\n%\xe2\xe3\n", "PDF"),
    "zip": ("q.fasta", zipped(), "zip"),
    "truncated gzip": ("q.gz", gzip.compress(b">a\n" + b"MKTAY" * 9999)[:80], "damaged"),
    "long id": ("q.fasta", b">" + b"x" * 1001 + b"\nMKT\n", "id of 1,001 characters"),
    "wrong width": ("v.h5", hdf5(a=UNIT[0, :31]), "have width 31, expected 32"),
    "a vector a residue": ("v.h5", hdf5(a=np.ones((5, WIDTH), "f4")), "residue"),
    "NaN": ("v.h5", hdf5(a=np.full(WIDTH, np.nan, "f4")), "1 of 1 vectors hold NaN"),
    "overflow": ("v.h5", hdf5(a=np.full(WIDTH, 1e300)), "too large"),
    "whole numbers": ("v.h5", hdf5(a=np.ones(WIDTH, "i8")), "int64"),
    "complex numbers": ("v.h5", hdf5(a=np.ones(WIDTH, "c8")), "complex64"),
    "text": ("v.h5", hdf5(a=np.array([b"x"] * WIDTH)), "a"),
    "another embedder": ("v.h5", hdf5(a=np.ones(WIDTH, "f4")), "are not of length 1"),
    "soft link": ("v.h5", linked(b=h5py.SoftLink("/a")), "'b' is a soft link"),
    "external link": ("v.h5", linked(b=h5py.ExternalLink("/x.h5", "a")), "'b' is an external link"),
    "external storage": ("v.h5", external(), "'a' has external storage"),
    "virtual data set": ("v.h5", virtual(), "'a' is a virtual data set"),
    "terabytes": ("v.h5", enormous(), "width"),
    "truncated HDF5": ("v.h5", hdf5(a=UNIT[0])[:1000], "damaged"),
    "truncated Parquet": ("v.parquet", table(["a"], [UNIT[0]])[:200], "damaged"),
    "flipped bit": ("v.parquet", damaged_table(), "checksum"),
    "null id": ("v.parquet", table(["a", None], UNIT[:2].tolist()), "id"),
    "null vector": ("v.parquet", table(["a", "b"], [UNIT[0].tolist(), None]), "vector"),
    "ragged vectors": ("v.parquet", table(["a", "b"], [UNIT[0].tolist(), [1.0]]), "width"),
    "duplicate vector ids": ("v.parquet", table(["a", "a"], UNIT[:2].tolist()), "'a'"),
    "missing column": ("v.parquet", npz(x=UNIT), "names"),
    "npz with objects": ("v.npz", npz(names=np.array([{}], object), m=UNIT[:1]), "pickle"),
    "npy with objects": ("v.npy", npy(np.array([{}], object), allow_pickle=True), ""),
    "npy of terabytes": ("v.npy", huge_npy(), ""),
    "pickle": ("v.pkl", pickle.dumps({"a": 1}), "pickle"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_command_and_the_service_refuse_it_in_one_line(server, models, tmp_path, case):
    name, content, said = CASES[case]
    path, output = tmp_path / name, tmp_path / "calls.tsv"
    path.write_bytes(content)
    words = [COMMAND, "predict", path, "--bundle", models, "-o", output]
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == [name]
    if not content:
        assert server.client.post("/v1/jobs", content=content).status_code == 422
        return
    job = server.follow(server.start(content, name))
    assert job["state"] == "failed"
    message = done.stderr.removeprefix("arginator: ").rstrip("\n")
    assert job["problem"] == message.replace(str(path), name)


PLAIN = ">a b\nMKTAYIAKQRLLEDVH\n>c\nMMRSTVWYLLE\n"
SAME = {
    "lower case": PLAIN.replace("MKTAYIAKQRLLEDVH", "mktayiakqrlledvh").encode(),
    "CRLF": PLAIN.replace("\n", "\r\n").encode(),
    "byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "no end of line": PLAIN.rstrip("\n").encode(),
    "gzip": gzip.compress(PLAIN.encode()),
    "stop at the end": PLAIN.replace("LLE\n", "LLE*\n").encode(),
    "gaps": PLAIN.replace("MKTAY", "MK-TA.Y").encode(),
    "folded lines": PLAIN.replace("IAKQR", "IAK\nQR").encode(),
}


@pytest.mark.parametrize("case", SAME)
def test_other_ways_of_writing_give_the_same_rows(server, predicted, case):
    expected = predicted("q.fasta", PLAIN.encode(), "tsv")
    assert predicted("q.fasta", SAME[case], "tsv") == expected
    job = server.follow(server.start(SAME[case]))
    assert server.client.get(job["links"]["result"]).content == expected


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f4"])
def test_numbers_of_any_width_give_the_same_calls(predicted, kind):
    content = hdf5(**{f"p{row}": UNIT[row].astype(kind) for row in range(4)})
    expected = predicted("v.h5", hdf5(**{f"p{row}": UNIT[row] for row in range(4)}), "tsv")
    assert predicted("v.h5", content, "tsv") == expected


def test_a_vector_of_zeros_is_never_a_call(predicted):
    rows = predicted("v.h5", hdf5(a=np.zeros(WIDTH, "f4"), b=UNIT[0]), "tsv").decode().splitlines()
    assert rows[1].split("\t")[:4] == ["a", "not scored: a vector of zeros", "", ""]


def test_no_rows_give_a_header_alone(predicted):
    assert (
        predicted("v.parquet", table(pa.array([], pa.string()), []), "tsv").decode().count("\n")
        == 1
    )
