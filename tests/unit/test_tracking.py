"""W&B: a run on disk when asked for, and never a reason for training to stop."""

from pathlib import Path

import pytest
import wandb

import arginator.tracking
from arginator.errors import ParamsError
from arginator.params import TrackingParams
from arginator.tracking import tracked_run


@pytest.fixture(autouse=True)
def _a_user_without_wandb(monkeypatch, tmp_path):
    """Keep the real client away from the user's own key, settings and caches."""
    for variable in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_DIR", "WANDB_PROJECT", "WANDB_NAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for folder in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{folder}_DIR", str(tmp_path / folder.lower()))
    yield
    wandb.teardown()


def content_of(folder: Path) -> bytes:
    """Return the one run that was written offline; its records are not compressed."""
    wandb.teardown()  # as at the end of a process: waits until all is written
    (file,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    return file.read_bytes()


def messages_of(caplog) -> list[str]:
    """Return what arginator logged; W&B keeps its own log in files."""
    return [r.getMessage() for r in caplog.records if r.name.startswith("arginator")]


def track(mode: str, folder: Path, project: str = "toy") -> None:
    params = TrackingParams(wandb=mode, project=project)
    with tracked_run(params, folder, "exp-toy", {"width": 64}) as logger:
        logger.log_metrics({"val_mcc": 0.75}, step=1)


def test_offline_writes_name_config_and_metrics_of_the_run(tmp_path):
    track("offline", tmp_path / "new")
    content = content_of(tmp_path / "new")
    assert all(word in content for word in (b"toy", b"exp-toy", b"width", b"val_mcc", b"0.75"))


def test_disabled_yields_no_logger_and_writes_nothing(tmp_path):
    params = TrackingParams(wandb="disabled", project="toy")
    with tracked_run(params, tmp_path / "new", None, {}) as logger:
        assert logger is None
    assert not (tmp_path / "new").exists()


def test_online_without_a_key_warns_once_and_writes_offline(tmp_path, caplog):
    track("online", tmp_path)
    assert messages_of(caplog) == [
        "W&B: no API key (`wandb login` stores one); the run is kept in "
        f"{tmp_path / 'wandb'}, `wandb sync` sends it later"
    ]
    assert b"val_mcc" in content_of(tmp_path)


def test_online_with_a_malformed_key_warns_once_and_writes_offline(tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "short")
    track("online", tmp_path)
    (message,) = messages_of(caplog)
    assert "API key must have 40+ characters" in message
    assert b"val_mcc" in content_of(tmp_path)


def test_an_unreachable_server_warns_once_and_writes_offline(tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setattr(arginator.tracking, "CONNECT_TIMEOUT_S", 1.0)
    track("online", tmp_path)
    (message,) = messages_of(caplog)
    assert message.startswith("W&B: Timed out")
    assert message.endswith("`wandb sync` sends it later")
    assert b"val_mcc" in content_of(tmp_path)


def test_an_error_of_the_block_passes_and_ends_the_run(tmp_path):
    def fail() -> None:
        params = TrackingParams(wandb="offline", project="toy")
        with tracked_run(params, tmp_path, None, {}) as logger:
            logger.log_metrics({"val_mcc": 0.75})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert b"val_mcc" in content_of(tmp_path)


def test_a_project_name_that_wandb_refuses_is_an_error(tmp_path):
    with pytest.raises(ParamsError) as caught:
        track("offline", tmp_path, "a/b")
    assert str(caught.value) == (
        "params.yaml: tracking.project: Invalid project name 'a/b': cannot contain characters "
        "'/,\\\\,#,?,%,:', found '/'; rename it"
    )
