"""The service keeps to its own description, whatever is sent: Schemathesis with all checks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
EXAMPLES = 60


def test_no_check_of_any_kind_fails(serve, tmp_path):
    server = serve("--jobs-a-minute", 1_000_000, "--max-waiting", 100_000)
    command = Path(sys.executable).with_name("schemathesis")
    words = ["run", f"http://127.0.0.1:{server.port}/openapi.json", "--checks", "all"]
    words += ["--max-examples", EXAMPLES, "--seed", 1, "--warnings", "off"]
    words += ["--phases", "coverage,fuzzing,stateful"]  # it cannot send examples of files
    here = Path(__file__).parent
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "contract_hooks",
        "PYTHONPATH": str(here),
    }
    config = ["--config-file", here / "schemathesis.toml"]
    done = subprocess.run(
        [str(command), *map(str, [*config, *words])],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert server.client.get("/v2/health/ready").status_code == 200


def test_the_example_of_the_description_is_answered(serve):
    server = serve()
    described = server.client.get("/openapi.json").json()["components"]["schemas"]["SequenceIn"]
    body = {name: value["examples"][0] for name, value in described["properties"].items()}
    answer = server.client.post("/v1/predict", json={"sequences": [body]})
    assert answer.status_code == 200
    assert answer.json()["rows"][0]["status"] == "ok"
