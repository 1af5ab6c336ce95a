"""What becomes of jobs while the service and its workers are killed again and again.

    python benchmarks/kills.py [--jobs 1000] [--kills 20] [--seed 0]

Starts `arginator serve` with the bundles of the record and sends it one job after another, each a
FASTA file of proteins of its own. At random times the service, or a worker of it, gets SIGKILL; the
service is then started again on the same folder. In the end every job that was answered with 202 is
asked for its rows. A job is lost if it has not succeeded, wrong if its rows are not those of its
proteins, each once and in order. An upload whose answer never came is sent again.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx
import psutil
from measuring import machine, markdown
from serving import make_sequence, start_service

PROTEINS, LENGTH_AA = 5, 300
END_S = 1800
SHORT_S, LONG_S = 1.0, 10.0  # between two kills


class Sacrifice:
    """A service that is killed now and then, and lives again.

    Args:
        folder: Of its jobs.
        models: Its bundles.
    """

    def __init__(self, folder: str, models: Path) -> None:
        self._folder, self._models = folder, models
        self._process, self.host = start_service(folder, models)
        self.killed: Counter[str] = Counter()

    def kill(self, drawn: random.Random) -> None:
        """Kill the service, or one of its workers."""
        service = psutil.Process(self._process.pid)
        workers = service.children()
        if workers and drawn.random() < 0.5:
            drawn.choice(workers).kill()
            self.killed["workers"] += 1
            return
        service.kill()
        self._process.wait()
        self.killed["services"] += 1
        self._process, self.host = start_service(self._folder, self._models)

    def stop(self) -> None:
        """End it for good."""
        self._process.terminate()
        self._process.wait()


def kill_often(service: Sacrifice, kills: int, drawn: random.Random) -> None:
    """Kill so often, at random times."""
    for _ in range(kills):
        time.sleep(drawn.uniform(SHORT_S, LONG_S))
        service.kill(drawn)


def ask(service: Sacrifice, method: str, path: str, content: str | None = None) -> httpx.Response:
    """Ask until there is an answer that is no refusal for now."""
    while True:
        try:
            answer = httpx.request(method, service.host + path, content=content, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if answer.status_code != 429:
            return answer
        time.sleep(float(answer.headers["retry-after"]))


def send(service: Sacrifice, jobs: int) -> dict[str, list[str]]:
    """Start jobs; return the ids of the proteins of each by where it is looked at."""
    sent = {}
    for number in range(jobs):
        names = [f"job{number}_protein{row}" for row in range(PROTEINS)]
        text = "".join(f">{name}\n{make_sequence(LENGTH_AA)}\n" for name in names)
        answer = ask(service, "POST", "/v1/jobs", text)
        assert answer.status_code == 202, answer.text
        sent[answer.json()["links"]["self"]] = names
    return sent


def judge(service: Sacrifice, path: str, names: Sequence[str], end: float) -> str:
    """Wait for a job and tell what became of it."""
    while (state := ask(service, "GET", path).json().get("state")) in ("queued", "running"):
        if time.monotonic() > end:
            return "lost"
        time.sleep(0.2)
    if state != "succeeded":
        return "lost"
    lines = ask(service, "GET", f"{path}/result?format=tsv").text.splitlines()[1:]
    return "whole" if [line.partition("\t")[0] for line in lines] == names else "wrong"


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table; fail if a job is lost or wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=Path, default=Path("models"))
    args = parser.parse_args(argv)
    drawn, begin = random.Random(args.seed), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        service = Sacrifice(folder, args.models)
        killing = threading.Thread(target=kill_often, args=(service, args.kills, drawn))
        killing.start()
        sent = send(service, args.jobs)
        killing.join()
        end = time.monotonic() + END_S
        found = Counter(judge(service, path, names, end) for path, names in sent.items())
        service.stop()
    seconds = time.monotonic() - begin
    header = ("jobs", "services killed", "workers killed", "whole", "lost", "wrong", "s")
    counts = (len(sent), service.killed["services"], service.killed["workers"])
    row = (*counts, found["whole"], found["lost"], found["wrong"], round(seconds))
    print(machine() + "\n")
    print(markdown(header, [tuple(f"{one:,}" for one in row)]))
    if found["whole"] < args.jobs:
        raise SystemExit("jobs were lost or wrong")


if __name__ == "__main__":
    main()
