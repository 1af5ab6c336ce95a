"""FASTA files: what is read, what is refused, and in which words."""

from __future__ import annotations

import gzip
import io
import logging
import os
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from Bio import SeqIO
from hypothesis import given, settings
from hypothesis import strategies as st

from arginator.errors import DataError
from arginator.readers import fasta_entries
from arginator.sequences import Record, Rejected, read_fasta

SHARED = Path(__file__).parents[2] / "../shared/data"
PLAIN = b">P1 first protein\nMKTAYI\nAKQR\n>P2\nMWWHE\n"
RECORDS = [Record("P1", "P1 first protein", "MKTAYIAKQR", 1), Record("P2", "P2", "MWWHE", 4)]
WORD = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=12
)
LETTERS = st.text("ACDEFGHIKLMNPQRSTVWYBJOUXZ", min_size=1, max_size=200)
BASES = "ACGT" * 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "query.fasta"


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def message(path: Path, content: bytes | str, **options: object) -> str:
    """Return the whole error message for a file, with its path shortened to F."""
    with pytest.raises(DataError) as error:
        list(read_fasta(write(path, content), **options))
    assert error.value.exit_status == 2
    return str(error.value).replace(str(path), "F")


def warnings(caplog: pytest.LogCaptureFixture, path: Path) -> list[str]:
    return [record.getMessage().replace(str(path), "F") for record in caplog.records]


def test_records_come_in_the_order_of_the_file(path: Path) -> None:
    assert list(read_fasta(write(path, PLAIN))) == RECORDS


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.lower().replace(b"p", b"P", 1).replace(b">p2", b">P2"),
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.rstrip(),
        PLAIN.replace(b"MKTAYI", b" MKT AYI\t "),
        gzip.compress(PLAIN),
        gzip.compress(b"\xef\xbb\xbf" + PLAIN.replace(b"\n", b"\r\n")),
        gzip.compress(PLAIN[:20]) + gzip.compress(PLAIN[20:]),
    ],
    ids=["lower", "crlf", "cr", "bom", "no-end", "spaces", "gzip", "gzip-bom-crlf", "two-gzips"],
)
def test_dialects_read_as_the_plain_file(path: Path, content: bytes) -> None:
    assert list(read_fasta(write(path, content))) == RECORDS


def test_blank_lines_mean_nothing(path: Path) -> None:
    found = list(read_fasta(write(path, b"\n  \n>P1\n\nMKT\n\n\nAYI\n\n>P2\nMWW\n\n")))

    assert found == [Record("P1", "P1", "MKTAYI", 3), Record("P2", "P2", "MWW", 10)]


def test_all_26_letters_are_residues(path: Path) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

    assert next(read_fasta(write(path, f">P1\n{letters}\n"))).residues == letters


def test_gaps_and_final_stops_are_removed_and_counted_in_one_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = list(read_fasta(write(path, b">a\nMK-T..\n>b\nMKV*\n>c\nMKI\n>d\nM*-*\n")))

    assert [record.residues for record in found] == ["MKT", "MKV", "MKI", "M"]
    assert warnings(caplog, path) == [
        "F: removed 4 gaps and 3 final stops in 3 of 4 records (first: 'a')"
    ]


def test_nothing_is_logged_for_a_clean_file(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    list(read_fasta(write(path, PLAIN)))

    assert caplog.records == []


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "=cmd|'/c", "sp|P62593|BLAT_ECOLX", "ид-β\u202e<b>", "x" * 1000, "A.1"],
)
def test_ids_are_kept_verbatim(path: Path, name: str) -> None:
    found = list(read_fasta(write(path, f">{name}\tand more \nMKT\n")))

    assert found == [Record(name, f"{name}\tand more ", "MKT", 1)]


def test_similar_ids_are_different_ids(path: Path) -> None:
    content = b">A.1\nMKT\n>A_1\nMKT\n>a.1\nMKT\n"

    assert [record.id for record in read_fasta(write(path, content))] == ["A.1", "A_1", "a.1"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "F: no records, expected at least one; give a FASTA file"),
        ("\n\r\n  \n", "F: no records, expected at least one; give a FASTA file"),
        (
            "\nMKT\n>a\nMKT\n",
            "F:2: starts with 'MKT', expected a header that starts with '>'; give a FASTA file",
        ),
        (">a\nMKT\n> \t\nMKV\n", "F:3: header without an id; write one after the '>'"),
        (
            ">a\nMKT\n>b\n\n>c\nMKV\n",
            "F:3 (record 'b'): header without a sequence; add its sequence or remove it",
        ),
        (
            ">a\nMKT\n>b x",
            "F:3 (record 'b'): header without a sequence; add its sequence or remove it",
        ),
        (
            ">a\n-*\n",
            "F:1 (record 'a'): header without a sequence; add its sequence or remove it",
        ),
        (
            ">a\nMKT\n>b\nMKV\n>a c\nMKI\n",
            "F:5 (record 'a'): same id as the record in line 1; give each its own id",
        ),
        (
            ">" + "x" * 100_000 + "\nMKT\n",
            f"F:1 (record '{'x' * 59}…'): id of 100,000 characters, expected at most 1,000; "
            "shorten it",
        ),
        (">" + "x" * 2**20 + "\nMKT\n", "F:1: header of more than 1,048,576 characters"),
        (
            b">a\nMKT\n>prot\xe9ine\nMKT\n",
            "F:3: byte 0xE9 is not UTF-8, this looks like Latin-1; "
            "convert the file: iconv -f latin1 -t utf-8",
        ),
        (
            f">a\n{BASES}\n>b\n{BASES}\n",
            "F: looks like nucleotides (100% of 80 letters are A, C, G, T, U or N, "
            "expected at most 90%); translate it to protein first",
        ),
    ],
)
@pytest.mark.parametrize("on_invalid", ["fail", "skip"])
def test_a_faulty_file_gets_one_message(
    path: Path, content: bytes | str, expected: str, on_invalid: str
) -> None:
    assert message(path, content, on_invalid=on_invalid) == expected


INVALID = [
    ("id", "MK*T*", "stop '*' inside the sequence, at position 3 of 5"),
    ("id", "MK\n-T1", "'1' at position 5 is no residue"),
    ("id", "MK?", "'?' at position 3 is no residue"),
    ("id", "@MK", "'@' at position 1 is no residue"),
    ("id", "MKT>b", "'>' at position 4 is no residue"),
    ("id", "MKß", "'ß' at position 3 is no residue"),
    ("id", "MK\0T", "'\\x00' at position 3 is no residue"),
    ("id", "MKT" * 7, "21 residues, expected at most 20"),
    ("a\x01b", "MKT", "control character '\\x01' at position 2 of the id"),
    ("a\x85", "MKT", "control character '\\x85' at position 2 of the id"),
    ("a\u2028", "MKT", "control character '\\u2028' at position 2 of the id"),
]


@pytest.mark.parametrize(("name", "sequence", "reason"), INVALID)
def test_an_invalid_record_fails_with_its_position(
    path: Path, name: str, sequence: str, reason: str
) -> None:
    found = message(path, f">a\nMKT\n>{name}\n{sequence}\n", max_length_aa=20)

    assert found == f"F:3 (record {name!r}): {reason}; correct or remove the record"


@pytest.mark.parametrize(("name", "sequence", "reason"), INVALID)
def test_skip_leaves_out_an_invalid_record_and_reports_it(
    path: Path, caplog: pytest.LogCaptureFixture, name: str, sequence: str, reason: str
) -> None:
    write(path, f">a\nMKT\n>{name}\n{sequence}\n>c\nMKV\n")
    rejected: list[Rejected] = []

    with caplog.at_level(logging.WARNING):
        found = read_fasta(path, on_invalid="skip", rejected=rejected, max_length_aa=20)
        kept = [record.id for record in found]

    assert (kept, rejected) == (["a", "c"], [Rejected(name, 3, reason)])
    assert warnings(caplog, path)[-1] == (
        f"F: left out 1 of 3 records (first: line 3, {name!r}: {reason})"
    )


def test_a_record_is_never_cut_to_the_longest_length(path: Path) -> None:
    write(path, ">short\nMKTW\n>long\nMKTWV\n")
    rejected: list[Rejected] = []

    found = list(read_fasta(path, on_invalid="skip", rejected=rejected, max_length_aa=4))

    assert found == [Record("short", "short", "MKTW", 1)]
    assert rejected == [Rejected("long", 3, "5 residues, expected at most 4")]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PLAIN.decode().encode("utf-16"), "UTF-16 text"),
        (PLAIN.decode().encode("utf-16-le"), "UTF-16 text"),
        (PLAIN.decode().encode("utf-16-be"), "UTF-16 text"),
        (b"@read1\nACGT\n+\nIIII\n", "FASTQ reads"),
        (b"LOCUS       AB000001   450 aa\n", "a GenBank record"),
        (b"ID   BLAT_ECOLX   Reviewed;\n", "an EMBL or UniProt record"),
        (b"HEADER    HYDROLASE\n", "a PDB structure"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\x03\x04\x14\x00", "a zip archive (npz, docx and xlsx are zip too)"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"BZh91AY", "a bzip2 file"),
        (b"<!DOCTYPE html>", "a web page"),
        (gzip.compress(gzip.compress(PLAIN)), "gzip inside gzip"),
    ],
    ids=lambda value: value.split()[-1] if isinstance(value, str) else "",
)
def test_another_format_is_named(path: Path, content: bytes, kind: str) -> None:
    expected = f"F: looks like {kind}, expected plain text; convert it first"

    assert message(path, content) == expected


@pytest.mark.parametrize("kept", [3, 11, 40, -9, -4, -1])
def test_a_truncated_gzip_is_never_taken_as_complete(path: Path, kept: int) -> None:
    found = message(path, gzip.compress(PLAIN, mtime=0)[:kept])

    assert found.startswith("F: damaged or incomplete gzip file (")
    assert found.endswith("); get the file again")


def test_a_damaged_gzip_is_never_taken_as_complete(path: Path) -> None:
    content = bytearray(gzip.compress(PLAIN, mtime=0))
    content[-6] ^= 1

    assert message(path, bytes(content)).startswith("F: damaged or incomplete gzip file (CRC")


@pytest.mark.parametrize("line", [b"M" * 79 + b"\n", b"M" * 80], ids=["many-lines", "one-line"])
def test_a_gzip_bomb_stops_at_the_byte_limit_with_flat_memory(path: Path, line: bytes) -> None:
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb", compresslevel=1) as file:
        file.write(b">a\n")
        for _ in range(100):
            file.write(line * 5000)

    tracemalloc.start()
    found = message(path, bomb.getvalue(), max_bytes=3_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found == "F: more than 3,000,000 bytes of text, the limit; split the file"
    assert peak < 10_000_000


def test_a_record_longer_than_any_protein_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fasta_entries, "LONGEST_SEQUENCE", 1000)

    assert message(path, ">a\n" + "MKTW\n" * 201) == (
        "F:1 (record 'a'): more than 1,000 characters of sequence, longer than any protein; "
        "give protein sequences, one record each"
    )


@given(cut=st.integers(1, 12))
@settings(deadline=None, max_examples=12)
def test_lines_longer_than_a_piece_read_as_one_line(cut: int) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(fasta_entries, "PIECE", cut + 6)
        path = write(Path(folder) / "x", b">a\nMKTAYIAKQRMKTAYIAKQRMKT\n>b\nMWW\n")

        assert list(read_fasta(path)) == [
            Record("a", "a", "MKTAYIAKQRMKTAYIAKQRMKT", 1),
            Record("b", "b", "MWW", 3),
        ]


def test_a_few_letters_are_never_called_nucleotides(path: Path) -> None:
    assert [record.residues for record in read_fasta(write(path, ">a\nGAG\n"))] == ["GAG"]


def test_one_protein_among_nucleotides_does_not_hide_them(path: Path) -> None:
    content = f">a\nMKWVHE\n>b\n{BASES * 3}\n"

    assert message(path, content).startswith("F: looks like nucleotides (95% of 126 letters")


def test_nucleotides_pass_by_force(path: Path) -> None:
    found = list(read_fasta(write(path, f">a\n{BASES}\n"), force_protein=True))

    assert [record.residues for record in found] == [BASES]


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"/none\.fasta: no such file$"):
        list(read_fasta(tmp_path / "none.fasta"))
    with pytest.raises(DataError, match=r": cannot be read \(Is a directory\)$"):
        list(read_fasta(tmp_path))


def test_a_reader_left_early_closes_its_file(path: Path) -> None:
    found = read_fasta(write(path, PLAIN))
    next(found)
    found.close()  # type: ignore[attr-defined]

    assert not [link for link in Path("/proc/self/fd").iterdir() if _target(link) == str(path)]


def _target(link: Path) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115
    except OSError:
        return ""


@settings(deadline=None)
@given(
    records=st.dictionaries(WORD, st.tuples(WORD, LETTERS), min_size=1, max_size=6),
    width=st.integers(1, 80),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_well_formed_files_always_read_as_biopython_reads_them(
    records: dict[str, tuple[str, str]], width: int, end: str
) -> None:
    lines = []
    for name, (description, letters) in records.items():
        lines.append(f">{name} {description}")
        lines += [letters[start : start + width] for start in range(0, len(letters), width)]
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "x", end.join([*lines, ""]))

        found = list(read_fasta(path, force_protein=True))

        with path.open(encoding="utf-8") as file:
            expected = [(entry.description, str(entry.seq)) for entry in SeqIO.parse(file, "fasta")]
    assert [record.id for record in found] == list(records)
    assert [(record.header, record.residues) for record in found] == expected


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200) | st.text(">AMK*-1\n\r \t@é\x00", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "x", content)
        try:
            found = list(read_fasta(path, on_invalid="skip"))
        except DataError:
            return
    assert all(record.residues.isalpha() and record.id for record in found)


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("amrfinder/AMRProt", 8600),
        pytest.param("hydrolases/hydrolases.fasta.gz", 61_801, marks=pytest.mark.slow),
    ],
)
def test_real_collections_are_read_whole(name: str, records: int) -> None:
    path = SHARED / name
    if not path.exists() and not os.environ.get("CI"):
        pytest.skip(f"no shared data beside the checkout ({name})")

    assert sum(1 for _ in read_fasta(path)) == records
