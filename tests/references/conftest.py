"""References are solved anew in every test session, and never touch the user's cache."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("references")


@pytest.fixture(autouse=True)
def cache_directory(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PDENET_CACHE", str(shared_cache))
    return shared_cache
