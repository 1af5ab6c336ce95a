"""A service that really runs, and clients of it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

COMMAND = str(Path(sys.executable).with_name("arginator"))
START_S, JOB_S = 60, 60


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """`arginator serve` as a process, with a client."""

    def __init__(self, models, data, *options, token=None):
        self.port = _free_port()
        self.log = Path(data).with_suffix(".log")
        words = [COMMAND, "serve", "--bundle", models, "--data", data, "--port", self.port]
        environment = os.environ | ({"ARGINATOR_TOKEN": token} if token else {})
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*map(str, words), *map(str, options)], stderr=log, stdout=log, env=environment
            )
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=30, trust_env=False
        )
        self.wait()

    def wait(self):
        """Wait until it takes requests."""
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.client.get("/v2/health/ready").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def start(self, content, name="q.fasta", **headers):
        """Start a job and return what the service says of it."""
        answer = self.client.post("/v1/jobs", params={"name": name}, content=content)
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
        return answer.json()

    def follow(self, job):
        """Wait for the end of a job and return what the service says of it."""
        end = time.monotonic() + JOB_S
        while time.monotonic() < end:
            found = self.client.get(job["links"]["self"]).json()
            if found["state"] not in ("queued", "running"):
                return found
            time.sleep(0.05)
        raise AssertionError(f"{found} {self.log.read_text()}")

    def kill(self):
        """Kill it at once."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Stop it politely and return its exit status."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@pytest.fixture
def serve(models, tmp_path):
    """Return what starts a service; all are stopped in the end."""
    servers = []

    def start(*options, folder=None, data=None, token=None):
        servers.append(Server(folder or models, data or tmp_path / "jobs", *options, token=token))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    """Give one service for the tests that do it no harm."""
    server = Server(models, tmp_path_factory.mktemp("service") / "jobs", "--workers", 1)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def fasta(make_sequences):
    """Return a function that writes proteins as FASTA."""

    def write(n, seed=1):
        return "".join(f">p{row}\n{text}\n" for row, text in enumerate(make_sequences(n, seed)))

    return write


@pytest.fixture(scope="session")
def predicted(models, tmp_path_factory):
    """Return a function that gives what the command makes of a file."""

    def predict(name, content, kind):
        path = tmp_path_factory.mktemp("command") / name
        path.write_bytes(content)
        words = ["predict", path, "--bundle", models, "--format", kind, "--on-invalid", "skip"]
        done = subprocess.run([COMMAND, *map(str, words)], capture_output=True, check=True)
        return done.stdout

    return predict
