"""Experiment tracking with Weights & Biases, which never gets in the way of training."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from arginator.errors import ParamsError
from arginator.params import TrackingParams

if TYPE_CHECKING:
    import wandb
    from lightning.pytorch.loggers import Logger

CONNECT_TIMEOUT_S = 30.0
UPLOAD_TIMEOUT_S = 120.0
LOG = logging.getLogger(__name__)


@contextmanager
def tracked_run(
    params: TrackingParams, folder: Path, name: str | None, config: Mapping[str, Any]
) -> Iterator[Logger | None]:
    """Yield a logger whose run ends with the block, or None if tracking is disabled.

    The run is written into `folder`/wandb. Without a key or a network, "online" becomes "offline"
    with one warning. Nobody is asked for a key.

    Args:
        params: Whether and under which project to track.
        folder: Where the run is written; made if it is missing.
        name: Name of the run; None for one that W&B makes up.
        config: What the run is remembered by: params, task, source.

    Raises:
        ParamsError: W&B does not accept the project's name.
    """
    if params.wandb == "disabled":
        yield None
        return
    from lightning.pytorch.loggers import WandbLogger  # loads wandb, which most runs never need

    run = _start(params, folder, name, config)
    exit_status = 1
    try:
        yield WandbLogger(experiment=run)
        exit_status = 0
    finally:
        run.finish(exit_code=exit_status)


def _start(
    params: TrackingParams, folder: Path, name: str | None, config: Mapping[str, Any]
) -> wandb.Run:
    """Start a run, offline if it cannot be online.

    Raises:
        ParamsError: W&B does not accept the project's name.
    """
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    wandb.setup(_settings())
    if params.wandb == "online":
        try:
            if wandb.login(prompt=False, verify=False):
                return _init("online", params.project, folder, name, config)
            reason = "no API key (`wandb login` stores one)"
        except wandb.errors.Error as error:
            reason = str(error).splitlines()[0]
        LOG.warning(
            "W&B: %s; the run is kept in %s, `wandb sync` sends it later", reason, folder / "wandb"
        )
    try:
        return _init("offline", params.project, folder, name, config)
    except wandb.errors.UsageError as error:
        raise ParamsError("params.yaml: tracking.project", str(error), "rename it") from None


def _init(
    mode: Literal["online", "offline"],
    project: str,
    folder: Path,
    name: str | None,
    config: Mapping[str, Any],
) -> wandb.Run:
    """Start a run in `mode`."""
    import wandb

    return wandb.init(
        mode=mode,
        project=project,
        dir=folder,
        name=name,
        config=dict(config),
        settings=_settings(),
    )


def _settings() -> wandb.Settings:
    """Return settings that keep W&B silent, off the console, and bounded in time."""
    import wandb

    return wandb.Settings(
        silent=True,
        console="off",
        init_timeout=CONNECT_TIMEOUT_S,
        finish_timeout=UPLOAD_TIMEOUT_S,
    )
