"""The run folder: what is in it, how it is made, read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pdenet.report import write_report
from pdenet.settings import Settings
from pdenet.solution import Solution

CHECKPOINT, CONFIG, RECORD = "checkpoint.ckpt", "config.yaml", "record.json"


def new_folder(wanted: Path) -> Path:
    """Makes a folder that was not there: ``wanted``, or ``wanted-2``, ``wanted-3``, ...

    Args:
        wanted: The folder's path.

    Returns:
        The folder made.

    Raises:
        ValueError: It cannot be made or written.
    """
    folder, number = wanted, 1
    while True:
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1
            folder = wanted.with_name(f"{wanted.name}-{number}")
        except OSError as error:
            raise ValueError(
                f"--out {wanted} cannot be written ({error.strerror}); choose another folder."
            ) from error


def read_settings(folder: Path) -> Settings:
    """The settings of a run folder.

    Args:
        folder: The folder.

    Returns:
        The settings.

    Raises:
        ValueError: It is not a run folder.
    """
    if not (folder / CONFIG).is_file():
        raise ValueError(f"{folder} is not a run folder: it has no {CONFIG}.")
    return Settings.from_yaml(folder / CONFIG)


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """The checkpoint of a run folder: Lightning's, with the states of finished fits.

    Args:
        folder: The folder.

    Returns:
        Tensors and plain data.

    Raises:
        ValueError: There is none, or it is damaged.
    """
    path = folder / CHECKPOINT
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        checkpoint["pdenet"]["finished_fits"]
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read ({type(error).__name__}); repeat the run by solve-problem "
            f"--config {folder / CONFIG}"
        ) from error
    return checkpoint


def write_state(folder: Path, settings: Settings, checkpoint: dict[str, Any]) -> None:
    """Writes what a run is resumed from, before anything else can go wrong.

    Args:
        folder: The folder, which exists.
        settings: What reproduces the run.
        checkpoint: Where it can go on.
    """
    partial = folder / f"{CHECKPOINT}.partial"
    torch.save(checkpoint, partial)
    partial.replace(folder / CHECKPOINT)
    (folder / CONFIG).write_text(settings.to_yaml(), encoding="utf-8")


def write_results(folder: Path, solution: Solution) -> None:
    """Writes what a person looks at.

    Args:
        folder: The folder, which exists.
        solution: What the run found.
    """
    solution.record.save(folder / RECORD)
    write_report(solution, folder)
