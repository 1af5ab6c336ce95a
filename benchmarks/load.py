"""The service under load: requests a second, latency and errors at rising concurrency.

    python benchmarks/load.py [--users 1 4 16 64] [--seconds 20]

Starts `arginator serve` with the bundles of the record and lets Locust's users ask the real routes
without pause: single vectors, ten sequences, and jobs of a thousand proteins with their results.
One line a route and number of users: requests a second, p50, p95 and p99 in milliseconds, failures,
and the peak memory of the service with its workers so far. `paced` asks for single vectors a
hundred times a second, spread evenly, which is what the latency of a service should be judged by.
The first seconds of each line do not count. Locust runs on the same machine and takes its share of
the processors.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
from locust import FastHttpUser, between, constant_throughput, task
from locust.env import Environment
from measuring import machine, markdown
from serving import make_sequence, start_service

WIDTH = 1024
PACED_A_SECOND, PACED_USERS = 100, 20
PLACES = itertools.count()  # of paced users within a round
WARM_UP_S = 3.0
HEADER = (
    "users",
    "route",
    "requests/s",
    "p50 (ms)",
    "p95 (ms)",
    "p99 (ms)",
    "failures",
    "peak MiB",
)


def make_vector() -> list[float]:
    """Return a random vector of length 1, in sixteen bits as files have them."""
    vector = np.random.default_rng().standard_normal(WIDTH)
    numbers: list[float] = (vector / np.linalg.norm(vector)).round(5).tolist()
    return numbers


class Asking(FastHttpUser):
    """Someone who asks for single proteins and waits for each answer."""

    abstract = True

    def on_start(self) -> None:
        """Prepare what is asked."""
        self.body = json.dumps({"vectors": [{"id": "one", "vector": make_vector()}]})

    def ask(self) -> None:
        """Ask for one vector."""
        headers = {"content-type": "application/json"}
        self.client.post("/v1/predict", data=self.body, headers=headers, name="one vector")


class Paced(Asking):
    """One of those who together ask a hundred times a second."""

    wait_time = constant_throughput(PACED_A_SECOND / PACED_USERS)

    def on_start(self) -> None:
        """Begin at a time of its own, so that not all ask at once."""
        super().on_start()
        time.sleep(next(PLACES) / PACED_A_SECOND)

    @task
    def one(self) -> None:
        """Ask for one vector."""
        self.ask()


class Busy(Asking):
    """Someone who asks for everything without pause."""

    wait_time = between(0, 0)

    @task(20)
    def one(self) -> None:
        """Ask for one vector."""
        self.ask()

    @task(5)
    def ten(self) -> None:
        """Ask for ten sequences."""
        rows = [{"id": str(row), "sequence": make_sequence(300)} for row in range(10)]
        self.client.post("/v1/predict", json={"sequences": rows}, name="ten sequences")

    @task(1)
    def job(self) -> None:
        """Send a thousand proteins, wait and fetch the rows."""
        text = "".join(f">p{row}\n{make_sequence(300)}\n" for row in range(1000))
        start = time.perf_counter()
        with self.client.post(
            "/v1/jobs", data=text, name="start a job", catch_response=True
        ) as answer:
            if answer.status_code == 429:
                answer.request_meta["name"] = "start a job, put off (429)"
                answer.success()  # it says to come later, which is what it should
                time.sleep(float(answer.headers["retry-after"]))
                return
        links = answer.json()["links"]
        while (state := self.client.get(links["self"], name="look at a job").json()["state"]) in (
            "queued",
            "running",
        ):
            time.sleep(0.2)
        if state == "succeeded":
            self.client.get(f"{links['self']}/result", name="fetch a result")
        self.environment.events.request.fire(
            request_type="JOB",
            name="a job from start to end",
            response_time=1000 * (time.perf_counter() - start),
            response_length=0,
            exception=None if state == "succeeded" else RuntimeError(state),
            context={},
        )


def measure(
    user: type[FastHttpUser], users: int, seconds: float, host: str
) -> dict[str, list[str]]:
    """Let users ask for a while and return a line a route."""
    environment = Environment(user_classes=[user], host=host)
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    time.sleep(WARM_UP_S)
    environment.stats.reset_all()
    runner.greenlet.join(timeout=seconds)
    runner.quit()
    lines = {}
    for (name, _), entry in sorted(environment.stats.entries.items()):
        times = [entry.get_response_time_percentile(at) for at in (0.5, 0.95, 0.99)]
        lines[name] = [
            f"{entry.num_requests / seconds:,.1f}",
            *(f"{one:,.0f}" for one in times),
            f"{entry.num_failures:,}",
        ]
    return lines


def family_peak_mib(process: psutil.Process) -> float:
    """Return the most memory that a process and its living children ever had, each for itself."""
    family = [process, *process.children(recursive=True)]
    texts = [Path(f"/proc/{one.pid}/status").read_text() for one in family]
    lines = [line for text in texts for line in text.splitlines() if line.startswith("VmHWM")]
    return sum(int(line.split()[1]) for line in lines) / 1024


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--models", type=Path, default=Path("models"))
    args = parser.parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        process, host = start_service(folder, args.models)
        plans: list[tuple[str, type[FastHttpUser], int]] = [("paced", Paced, PACED_USERS)]
        plans += [(str(users), Busy, users) for users in args.users]
        for name, user, users in plans:
            lines = measure(user, users, args.seconds, host)
            peak = f"{family_peak_mib(psutil.Process(process.pid)):,.0f}"
            rows += [(name, route, *line, peak) for route, line in lines.items()]
        process.terminate()
        process.wait()
    print(machine() + "\n")
    print(markdown(HEADER, rows))


if __name__ == "__main__":
    main()
