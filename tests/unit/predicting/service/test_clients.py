"""Clients that are slow, silent or too many cost the others nothing."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import psutil
import pytest

pytestmark = pytest.mark.slow

SILENT_S = 3
HEAD = b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"


def connect(server):
    one = socket.create_connection(("127.0.0.1", server.port))
    one.settimeout(4 * SILENT_S)
    return one


def received(one):
    """Return what comes until the connection is closed."""
    parts = []
    while part := one.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def trickle(one, content):
    for letter in content:
        one.sendall(bytes([letter]))
        time.sleep(SILENT_S / 20)


def test_silent_connections_are_closed_and_take_no_memory(serve):
    server = serve("--client-timeout", SILENT_S)
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(server)) for _ in range(500)]
        for one in silent[:100]:
            one.sendall(HEAD)
        assert server.client.get("/v2/health/ready").status_code == 200
        assert [received(one) for one in silent] == [b""] * 500
    assert process.memory_info().rss - before < 50 * 2**20


def test_a_head_that_trickles_in_is_given_up(serve):
    server = serve("--client-timeout", SILENT_S)
    with connect(server) as one, pytest.raises(ConnectionError):
        trickle(one, HEAD[:60])


def test_half_an_upload_is_told_that_it_took_too_long(serve):
    server = serve("--client-timeout", SILENT_S)
    with connect(server) as one:
        one.sendall(HEAD + b"\r\n>a\nMKT")
        answer = received(one)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert f"nothing came for {SILENT_S} s".encode() in answer
    assert server.client.get("/v2/health/ready").status_code == 200


def test_a_thousand_jobs_at_once_are_put_off_while_the_service_answers(serve, fasta):
    server, content = serve("--jobs-a-minute", 100_000), fasta(1)
    waits = []

    def look(stop):
        while not stop.wait(0.05):
            start = time.perf_counter()
            assert server.client.get("/v2/health/live").status_code == 200
            waits.append(time.perf_counter() - start)

    def send(_):
        with httpx.Client(base_url=server.client.base_url, timeout=60, trust_env=False) as client:
            return client.post("/v1/jobs", content=content)

    stop = threading.Event()
    with ThreadPoolExecutor(9) as pool:
        looking = pool.submit(look, stop)
        answers = list(pool.map(send, range(1000)))
        stop.set()
        looking.result()
    assert {answer.status_code for answer in answers} == {202, 429}
    assert all(
        int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status_code == 429
    )
    assert len(waits) > 10
    taken = [answer.json() for answer in answers if answer.status_code == 202]
    assert {server.follow(job)["state"] for job in taken} == {"succeeded"}


def test_what_is_asked_when_the_service_is_stopped_is_still_answered(serve, make_sequences):
    server = serve()
    rows = [{"id": str(row), "sequence": "MKTAYIAKQR" * 9_000} for row in range(100)]
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            httpx.post,
            f"http://127.0.0.1:{server.port}/v1/predict",
            json={"sequences": rows},
            timeout=60,
            trust_env=False,
        )
        time.sleep(1)
        assert not asked.done()
        assert server.stop() in (0, 143, -15)
        assert len(asked.result().json()["rows"]) == 100
