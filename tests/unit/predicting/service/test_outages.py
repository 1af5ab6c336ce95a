"""Whatever dies, no job is lost, done twice or left half done."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def workers_of(server):
    """Return the process ids of the workers."""
    listed = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(one) for one in listed.split()]


def expect_all(server, jobs, expected):
    for job in jobs:
        found = server.follow(job)
        assert found["state"] == "succeeded", found
        assert server.client.get(found["links"]["result"]).content == expected


def test_jobs_outlast_a_killed_server(serve, fasta, predicted):
    content = fasta(3000).encode()
    server = serve()
    jobs = [server.start(content) for _ in range(5)]
    server.kill()
    again = serve()
    expect_all(again, jobs, predicted("q.fasta", content, "tsv"))


def test_jobs_outlast_killed_workers(serve, fasta, predicted):
    content = fasta(3000).encode()
    server = serve("--workers", 2)
    jobs = [server.start(content) for _ in range(20)]
    drawn = random.Random(0)
    for _ in range(4):
        time.sleep(drawn.uniform(0.1, 1.0))
        for worker in workers_of(server)[:1]:
            os.kill(worker, signal.SIGKILL)
    expect_all(server, jobs, predicted("q.fasta", content, "tsv"))


def test_no_worker_outlives_a_killed_server(serve):
    server = serve("--workers", 2)
    workers = workers_of(server)
    assert len(workers) == 2
    server.kill()
    end = time.monotonic() + 10
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_stop_ends_in_time_and_jobs_go_on_afterwards(serve, fasta, predicted):
    content = fasta(20_000).encode()
    server = serve()
    jobs = [server.start(content) for _ in range(3)]
    start = time.monotonic()
    assert server.stop() in (0, 143, -signal.SIGTERM)
    assert time.monotonic() - start < 25
    expect_all(serve(), jobs, predicted("q.fasta", content, "tsv"))


def test_a_file_that_needs_too_much_memory_fails_and_the_service_lives(serve, fasta, predicted):
    server = serve("--job-memory", 1500)
    bomb = b">a\n" + b"M" * (200 * 2**20)
    jobs = [server.start(bomb), server.start(fasta(3))]
    found = server.follow(jobs[0])
    assert found["state"] == "failed"
    assert server.follow(jobs[1])["state"] == "succeeded"


def test_a_bundle_swapped_while_serving_changes_nothing_before_a_restart(
    serve, models, tmp_path, fasta
):
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    server = serve(folder=folder)
    before = server.client.get("/version").json()["bundle"]
    shutil.rmtree(folder / "group")
    for worker in workers_of(server):
        os.kill(worker, signal.SIGKILL)
    job = server.follow(server.start(fasta(2)))
    assert job["state"] == "succeeded"
    assert before in server.client.get(job["links"]["result"]).text
    server.stop()
    assert serve(folder=folder).client.get("/version").json()["bundle"] != before


def test_two_services_do_not_share_a_folder(serve, models, tmp_path):
    serve()
    command = [str(Path(os.sys.executable).with_name("arginator")), "serve", "--port", "1"]
    command += ["--bundle", str(models), "--data", str(tmp_path / "jobs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        f"arginator: {tmp_path}/jobs: is in use by another service; "
        "name another folder with --data\n"
    )


@pytest.fixture
def small_disk(tmp_path):
    """Give a folder on a file system of its own that holds 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_said_and_everything_works_once_there_is_room(
    serve, small_disk, fasta, predicted
):
    server, content = serve(data=small_disk / "jobs"), fasta(20).encode()
    too_large = server.client.post("/v1/jobs", content=b">a\n" + b"M" * 6 * 2**20)
    assert too_large.status_code == 507, too_large.text
    done = server.start(content)
    expect_all(server, [done], predicted("q.fasta", content, "tsv"))
    waiting = server.start(fasta(3000).encode())
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(512)):
                pass
        except OSError:
            pass
    for _ in range(5):
        answer = server.client.post("/v1/jobs", content=content)
        assert answer.status_code == 507, answer.text
        assert server.client.get(done["links"]["self"]).json()["state"] == "succeeded"
        time.sleep(0.3)
    filler.unlink()
    assert server.follow(waiting)["state"] in ("succeeded", "failed")
    expect_all(server, [server.start(content)], predicted("q.fasta", content, "tsv"))
    assert "Traceback" not in server.log.read_text()
