"""A service that really runs, for what loads it and what kills it."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
from pathlib import Path

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


def make_sequence(length_aa: int) -> str:
    """Return random residues."""
    return "".join(random.choices(RESIDUES, k=length_aa))


def start_service(folder: str, models: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start the service and return it with its address."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    words = [str(Path(sys.executable).with_name("arginator")), "serve", "--bundle", str(models)]
    words += ["--port", str(port), "--data", folder, "--jobs-a-minute", "100000"]
    process = subprocess.Popen(words)
    for _ in range(600):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    return process, f"http://127.0.0.1:{port}"
