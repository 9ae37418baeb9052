"""Solved references are kept on disk, addressed by what they were solved from."""

import os
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np

Arrays = dict[str, np.ndarray]


def cache_directory() -> Path:
    """Return where solved references are kept: PDENET_CACHE, else the user's cache directory."""
    if own := os.environ.get("PDENET_CACHE"):
        return Path(own).expanduser()
    user = os.environ.get("XDG_CACHE_HOME")
    return (Path(user) if user else Path.home() / ".cache") / "pdenet"


def cached(name: str, content: Iterable[object], compute: Callable[[], Arrays]) -> Arrays:
    """Return the arrays computed earlier from the same content, or compute and keep them.

    A cache that cannot be read or written costs time, never a run.

    Args:
        name: First part of the file's name, for people.
        content: Everything that the result depends on: arrays by their bytes, the rest by repr.
        compute: Called when nothing usable is kept.
    """
    digest = sha256()
    for part in content:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
        digest.update(b"\0")
    path = cache_directory() / f"{name}-{digest.hexdigest()[:24]}.npz"
    damaged = (ValueError, KeyError, EOFError, zipfile.BadZipFile)
    with suppress(OSError, *damaged), path.open("rb") as file, np.load(file) as stored:
        return dict(stored)
    arrays = compute()
    with suppress(OSError):
        _write(path, arrays)
    return arrays


def _write(path: Path, arrays: Arrays) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed: another process never reads half a file.
    with NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        part = Path(file.name)
        try:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        except OSError:
            part.unlink(missing_ok=True)
            raise
    part.replace(path)
