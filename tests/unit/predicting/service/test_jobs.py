"""The table of jobs: none lost, none twice, whatever dies."""

import subprocess
import sys
import time

import pytest

from arginator.service.jobs import GAVE_UP, MOST_ATTEMPTS, Jobs


@pytest.fixture
def jobs(tmp_path):
    return Jobs(tmp_path)


def add(jobs, name="q.fasta", most=100):
    return jobs.add(jobs.new_files().name, name, most)


def test_jobs_are_done_in_the_order_in_which_they_came(jobs):
    added = [add(jobs, f"{row}.fasta").id for row in range(5)]
    assert [jobs.claim(1).id for _ in range(5)] == added
    assert jobs.claim(1) is None


def test_a_job_goes_from_waiting_to_its_end(jobs):
    job = add(jobs)
    assert (job.state, job.done, job.total) == ("queued", 0, None)
    assert jobs.claim(7).state == "running"
    assert jobs.progress(job.id, 7, 3, 9)
    assert (jobs.find(job.id).done, jobs.find(job.id).total) == (3, 9)
    assert jobs.end(job.id, 7, "succeeded")
    found = jobs.find(job.id)
    assert found.state == "succeeded"
    assert found.created <= found.started <= found.ended
    assert not jobs.end(job.id, 7, "failed", "too late")
    assert jobs.find(job.id) == found
    assert jobs.count()["succeeded"] == 1


def test_no_more_wait_than_may(jobs):
    for _ in range(3):
        assert add(jobs, most=3)
    assert add(jobs, most=3) is None
    jobs.claim(1)
    assert add(jobs, most=3)


def test_a_cancelled_job_is_neither_done_nor_ended_again(jobs):
    waiting, running = add(jobs), add(jobs)
    jobs.cancel(waiting.id)
    assert jobs.claim(1).id == running.id
    jobs.cancel(running.id)
    assert not jobs.progress(running.id, 1, 1, None)
    assert not jobs.end(running.id, 1, "succeeded")
    assert [jobs.find(job.id).state for job in (waiting, running)] == ["cancelled"] * 2


def test_a_worker_that_lost_its_job_changes_nothing_of_it(jobs):
    job = add(jobs)
    jobs.claim(1)
    jobs.release()
    jobs.claim(2)
    assert not jobs.progress(job.id, 1, 5, 5)
    assert not jobs.end(job.id, 1, "succeeded")
    assert jobs.progress(job.id, 2, 1, 5)
    assert (jobs.find(job.id).state, jobs.find(job.id).done) == ("running", 1)


def test_workers_are_overdue_at_long_jobs_and_at_those_that_nobody_wants(jobs):
    long, unwanted, done = add(jobs), add(jobs), add(jobs)
    for worker in (1, 2, 3):
        jobs.claim(worker)
    jobs.cancel(unwanted.id)
    jobs.remove(unwanted.id)
    jobs.end(done.id, 3, "succeeded")
    time.sleep(0.02)
    assert jobs.overdue(3600.0, 3600.0) == []
    assert jobs.overdue(3600.0, 0.01) == [(unwanted.id, 2)]
    assert jobs.overdue(0.01, 3600.0) == [(long.id, 1), (unwanted.id, 2)]
    assert not jobs.end(unwanted.id, 2, "cancelled")
    jobs.release(1, died=True)
    assert jobs.overdue(0.01, 0.01) == []


def test_jobs_of_a_worker_that_is_gone_wait_again(jobs):
    first, second = add(jobs), add(jobs)
    jobs.claim(1)
    jobs.claim(2)
    assert jobs.release(1) == 1
    assert [jobs.find(job.id).state for job in (first, second)] == ["queued", "running"]
    assert jobs.release() == 1
    assert jobs.claim(3).id == first.id


def test_a_job_that_kills_its_workers_fails_in_the_end(jobs):
    job = add(jobs)
    for _ in range(MOST_ATTEMPTS):
        assert jobs.claim(1).state == "running"
        jobs.release(1, died=True)
    found = jobs.claim(1)
    assert (found.id, found.state, found.problem) == (job.id, "failed", GAVE_UP)


def test_stops_of_the_service_do_not_count_against_a_job(jobs):
    job = add(jobs)
    for _ in range(3 * MOST_ATTEMPTS):
        assert jobs.claim(1).state == "running"
        jobs.release()
    assert jobs.find(job.id).state == "queued"


def test_old_jobs_are_forgotten_but_remembered_as_gone(jobs):
    ended, waiting = add(jobs), add(jobs)
    jobs.claim(1)
    jobs.end(ended.id, 1, "succeeded")
    assert jobs.forget(1.0, 100) == 0
    assert jobs.files(ended.id).exists()
    time.sleep(0.02)
    assert jobs.forget(0.01 / 3600, 100) == 1
    assert not jobs.files(ended.id).exists()
    assert [jobs.find(job.id).state for job in (ended, waiting)] == ["expired", "queued"]


def test_files_of_no_job_are_swept_away(jobs):
    job, removed, orphan = add(jobs), add(jobs), jobs.new_files()
    jobs.cancel(removed.id)
    jobs.remove(removed.id)
    jobs.files(removed.id).mkdir()
    jobs.sweep()
    assert [path.name for path in jobs.files(job.id).parent.iterdir()] == [job.id]
    assert not orphan.exists()


@pytest.mark.parametrize(
    ("name", "kept"), [("a.H5", "input.h5"), ("a." + 98 * "漢", "input"), ("a", "input")]
)
def test_an_input_keeps_a_suffix_that_a_file_may_have(jobs, name, kept):
    assert jobs.input("x", name).name == kept


WORK = """
import sys
from pathlib import Path
from arginator.service.jobs import Jobs
jobs = Jobs(Path(sys.argv[1]))
while (job := jobs.claim(int(sys.argv[2]))) is not None:
    print(job.id, flush=True)
    jobs.end(job.id, int(sys.argv[2]), "succeeded")
"""


def test_no_job_is_ever_given_to_two_workers(jobs, tmp_path):
    added = {add(jobs, most=1000).id for _ in range(60)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORK, tmp_path, str(number)], stdout=subprocess.PIPE, text=True
        )
        for number in (1, 2, 3)
    ]
    found = [line for worker in workers for line in worker.communicate()[0].split()]
    assert sorted(found) == sorted(added)
