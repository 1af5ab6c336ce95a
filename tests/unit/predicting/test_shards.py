"""Many files: each has an output of its own, whoever makes it and whatever dies."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arginator.shard_runners import Outcome, through_processes

COMMAND = str(Path(sys.executable).with_name("arginator"))


def words(folder, models, output, *options):
    return [
        COMMAND, "predict", *map(str, [folder, "--bundle", models, "-o", output, *options])
    ]  # fmt: skip


def run(*arguments):
    done = subprocess.run(words(*arguments), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def read(folder):
    """Return the bytes of every file of a folder, by name, but for what killed processes left."""
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
    }


@pytest.fixture
def make_folder(tmp_path, make_sequences):
    def make(files, proteins):
        folder = tmp_path / "in"
        folder.mkdir()
        for place in range(files):
            rows = enumerate(make_sequences(proteins, place))
            text = "".join(f">p{row}\n{residues}\n" for row, residues in rows)
            (folder / f"f{place}.fasta").write_text(text)
        return folder

    return make


def test_each_file_has_an_output_with_the_rows_of_the_plain_command(make_folder, models, tmp_path):
    folder, output = make_folder(3, 20), tmp_path / "out"
    assert run(folder, models, output, "--workers", 1) == (0, "", "")
    alone = tmp_path / "alone.parquet"
    for place in range(3):
        source = folder / f"f{place}.fasta"
        run(source, models, alone, "--format", "parquet", "--force")
        found = pq.read_table(output / f"f{place}.fasta.parquet")
        assert found.equals(pq.read_table(alone))
    manifest = json.loads((output / "manifest.json").read_text())
    assert [one["input"] for one in manifest["files"]] == ["f0.fasta", "f1.fasta", "f2.fasta"]
    assert manifest["rows"] == 60


def test_shards_make_the_same_bytes_as_one_process(make_folder, models, tmp_path):
    folder = make_folder(5, 10)
    run(folder, models, tmp_path / "whole", "--workers", 1)
    status, _, message = run(folder, models, tmp_path / "parts", "--shard", "2/2")
    assert (status, "the last one writes it" in message) == (0, True)
    assert not (tmp_path / "parts/manifest.json").exists()
    assert run(folder, models, tmp_path / "parts", "--shard", "1/2")[0] == 0
    assert read(tmp_path / "parts") == read(tmp_path / "whole")


def test_what_is_done_is_left_alone_and_what_is_stale_is_made_anew(make_folder, models, tmp_path):
    folder, output = make_folder(2, 10), tmp_path / "out"
    run(folder, models, output, "--workers", 1)
    before = {path.name: path.stat().st_mtime_ns for path in output.iterdir()}
    (folder / "f1.fasta").write_text(">new\nMKTAYIAKQR\n")
    assert run(folder, models, output, "--workers", 1)[0] == 0
    after = {path.name: path.stat().st_mtime_ns for path in output.iterdir()}
    assert after["f0.fasta.parquet"] == before["f0.fasta.parquet"]
    assert pq.read_table(output / "f1.fasta.parquet")["id"].to_pylist() == ["new"]


def test_a_faulty_file_does_not_stop_the_others(make_folder, models, tmp_path):
    folder, output = make_folder(3, 10), tmp_path / "out"
    (folder / "f1.fasta").write_text(">a\nM?\n")
    status, _, message = run(folder, models, output, "--workers", 1)
    assert status == 1
    assert message == (
        f"arginator: {output}: 1 of 3 files failed ({folder}/f1.fasta: {folder}/f1.fasta:1 "
        "(record 'a'): '?' at position 2 is no residue; correct or remove the record); "
        "correct them and run the same again\n"
    )
    assert sorted(read(output)) == ["f0.fasta.parquet", "f2.fasta.parquet"]


def test_an_output_of_other_options_or_a_damaged_one_is_made_anew(models, tmp_path, kmers):
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in/v.npy", kmers.embed(["MKTAYIAKQR", "GGGSSSAAA"]))
    output, ids = tmp_path / "out", tmp_path / "ids.txt"
    source, made = tmp_path / "in/v.npy", tmp_path / "out/v.npy.parquet"
    for names in ("a\nb\n", "c\nd\n"):
        ids.write_text(names)
        assert run(source, models, output, "--workers", 1, "--ids", ids) == (0, "", "")
        assert pq.read_table(made)["id"].to_pylist() == names.split()
    made.write_bytes(made.read_bytes()[:-9])
    assert run(source, models, output, "--workers", 1, "--ids", ids) == (0, "", "")
    assert pq.read_table(made).num_rows == 2


def test_the_manifest_waits_for_outputs_that_are_stale(make_folder, models, tmp_path):
    folder, output = make_folder(2, 5), tmp_path / "out"
    run(folder, models, output, "--workers", 1)
    (output / "manifest.json").unlink()
    again = ("--no-neighbours", "--shard")
    assert "the last one writes it" in run(folder, models, output, *again, "1/2")[2]
    assert not (output / "manifest.json").exists()
    assert run(folder, models, output, *again, "2/2") == (0, "", "")
    assert (output / "manifest.json").exists()


def test_neither_inputs_nor_files_of_others_are_replaced(make_folder, models, tmp_path):
    folder = make_folder(1, 5)
    assert run(folder, models, tmp_path / "out", "--workers", 1)[0] == 0
    calls = tmp_path / "out/f0.fasta.parquet"
    mine = folder / "f0.fasta.parquet"
    pq.write_table(pa.table({"id": ["a"]}), mine)
    before = mine.read_bytes()
    status, _, message = run(folder, models, folder, "--workers", 1)
    assert (status, "is a folder of inputs too" in message) == (2, True)
    assert mine.read_bytes() == before
    mine.replace(calls)
    status, _, message = run(folder, models, tmp_path / "out", "--workers", 1)
    assert (status, "is no output of this command" in message) == (2, True)
    calls.write_text("mine")
    assert run(folder, models, tmp_path / "out", "--workers", 1)[0] == 2
    assert run(folder, models, tmp_path / "out", "--workers", 1, "--force")[0] == 0
    assert pq.read_table(calls).num_rows == 5
    (tmp_path / "out/manifest.json").write_text('{"mine": 1}')
    assert run(folder, models, tmp_path / "out", "--workers", 1)[0] == 2


def deadly(source, output):
    """Kill the process at one file, as a lack of memory does."""
    if source.name == "deadly":
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(source, 1)


def test_a_file_that_kills_its_process_costs_the_others_nothing(tmp_path):
    names = ["a", "deadly", *map(str, range(20))]
    work = [(tmp_path / name, tmp_path / f"{name}.out") for name in names]
    found = {one.source.name: one for one in through_processes(2)(deadly, work)}
    assert sorted(found) == sorted(names)
    assert {name for name, one in found.items() if one.problem} == {"deadly"}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_several_processes_stop_when_told(make_folder, models, tmp_path, number, status):
    folder, output = make_folder(40, 1500), tmp_path / "out"
    process = subprocess.Popen(
        words(folder, models, output, "--workers", "2"), start_new_session=True
    )
    while not output.exists() or not any(output.glob("*.parquet")):
        assert process.poll() is None
        time.sleep(0.01)
    start = time.monotonic()
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    assert process.wait(timeout=20) == status
    assert time.monotonic() - start < 5
    assert len(read(output)) < 40
    assert not list(output.glob(".*"))


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_a_shard_that_cannot_be_is_refused(models, tmp_path, shard):
    status, _, message = run(tmp_path, models, tmp_path / "out", "--shard", shard)
    assert (status, "is no shard such as 1/4" in message) == (2, True)


@pytest.mark.slow
def test_killed_shards_end_in_the_same_bytes_as_one_clean_process(make_folder, models, tmp_path):
    folder, output = make_folder(30, 1500), tmp_path / "parts"
    assert run(folder, models, tmp_path / "whole", "--workers", 1)[0] == 0
    drawn, kills = random.Random(0), 0
    for _ in range(12):
        shards = [
            subprocess.Popen(words(folder, models, output, "--shard", f"{number}/2"))
            for number in (1, 2)
        ]
        time.sleep(drawn.uniform(0.5, 1.6))
        for shard in shards:
            kills += shard.poll() is None
            shard.send_signal(signal.SIGKILL)
            shard.wait()
    assert kills >= 5
    for number in (1, 2):
        assert run(folder, models, output, "--shard", f"{number}/2")[0] == 0
    assert read(output) == read(tmp_path / "whole")


@pytest.mark.slow
def test_a_killed_process_of_several_costs_nothing(make_folder, models, tmp_path):
    folder, output = make_folder(12, 1500), tmp_path / "parts"
    assert run(folder, models, tmp_path / "whole", "--workers", 1)[0] == 0
    process = subprocess.Popen(words(folder, models, output, "--workers", "2"))
    while not output.exists() or not any(output.glob("*.parquet")):
        assert process.poll() is None
        time.sleep(0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    assert process.wait(timeout=120) == 0
    assert read(output) == read(tmp_path / "whole")


@pytest.mark.slow
def test_a_dask_cluster_loses_no_row_when_a_worker_dies(make_folder, models, tmp_path):
    folder, output = make_folder(12, 1500), tmp_path / "parts"
    assert run(folder, models, tmp_path / "whole", "--workers", 1)[0] == 0
    script = (
        "from distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)\n"
        "    pids = [worker.process.pid for worker in cluster.workers.values()]\n"
        "    print(cluster.scheduler_address, *pids, flush=True)\n"
        "    input()\n"
    )
    path = tmp_path / "cluster.py"
    path.write_text(script)
    cluster = subprocess.Popen(
        [sys.executable, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        address, first, _ = cluster.stdout.readline().split()
        process = subprocess.Popen(words(folder, models, output, "--dask", address))
        while not output.exists() or not any(output.glob("*.parquet")):
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(int(first), signal.SIGKILL)
        assert process.wait(timeout=120) == 0
        assert read(output) == read(tmp_path / "whole")
    finally:
        cluster.communicate("\n", timeout=60)
