"""Settings refuse what cannot be run, and come back from their file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pdenet.settings import Settings, read_yaml

BURGERS = {"name": "burgers", "nu": 0.1}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_seconds": 0.0}, "--max-seconds 0.0 must be positive"),
        ({"max_seconds": float("inf")}, "positive and finite"),
        ({"max_seconds": "long"}, "--max-seconds 'long' must be a number"),
        ({"target_error": float("nan")}, "--target-error"),
        ({"target_error": True}, "--target-error True must be a number"),
        ({"max_steps": 0}, "--max-steps 0 must be at least 1"),
        ({"max_steps": 1.5}, "--max-steps 1.5 must be a whole number"),
        ({"windows": 0}, "--windows"),
        ({"windows": None}, "--windows None must be auto, or a whole number"),
        ({"windows": "few"}, "--windows few must be auto, or a whole number"),
        ({"seed": -1}, "--seed -1 must be 0 or more"),
        ({"seed": "0"}, "--seed '0' must be a whole number"),
        ({"precision": 16}, "32 or 64"),
        ({"compile": "maybe"}, "auto, yes or no"),
        ({"device": "toaster"}, "--device toaster is unknown"),
        ({"device": 3}, "must be a word"),
        ({"device": "cuda:77"}, "is not there"),
        ({"device": "meta"}, "is not there"),
        ({"max_seconds": None}, "a run has no end"),
        ({"colour": 1}, r"unknown keys \['colour'\]"),
        ({"network": 3}, "network: 3; write a name"),
        ({"network": {"name": 3}}, "write a name"),
        ({"problem": {"nu": 1}}, "problem: .'nu': 1.; write a name"),
        ({"problem": None}, "problem: None"),
    ],
)
def test_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings.from_mapping({"problem": BURGERS, **options}, "here")


def test_a_problem_is_needed() -> None:
    with pytest.raises(ValueError, match="here names no problem"):
        Settings.from_mapping({"seed": 1}, "here")


def test_names_stand_for_mappings() -> None:
    settings = Settings.from_mapping({"problem": "burgers", "network": "mlp"}, "here")
    assert settings.problem == {"name": "burgers"}
    assert settings.network == {"name": "mlp"}
    assert settings.balance == {"name": "auto"}


def test_a_file_gives_the_settings_back(tmp_path: Path) -> None:
    given = Settings(
        problem=BURGERS,
        network={"name": "mlp", "width": np.int64(8), "depth": torch.tensor(3)},
        balance={"name": "static", "weights": {"start": np.float64(2.5)}},
        optimizer={"name": "adam", "betas": (0.9, 0.99)},
        max_seconds=None,
        max_steps=10,
        precision=32,
        compile="yes",
    )
    path = tmp_path / "config.yaml"
    path.write_text(given.to_yaml())
    again = Settings.from_yaml(path)
    assert again.network == {"name": "mlp", "width": 8, "depth": 3}
    assert again.optimizer == {"name": "adam", "betas": [0.9, 0.99]}
    assert again.to_yaml() == given.to_yaml()
    assert (again.max_seconds, again.max_steps, again.compile) == (None, 10, "yes")
    assert again.dtype == torch.float32


def test_a_bare_yes_of_yaml_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("problem: burgers\ncompile: no\n")
    assert Settings.from_yaml(path).compile == "no"


def test_what_no_file_can_hold() -> None:
    with pytest.raises(ValueError, match="a run folder cannot hold"):
        Settings(problem=BURGERS, network={"name": "mlp", "activation": torch.tanh}).to_yaml()


@pytest.mark.parametrize(
    "content", [b"- a\n- b\n", b"a: [\n", b"\xff\xfe\x00", b""], ids=["list", "half", "bytes", "-"]
)
def test_other_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.yaml"):
        read_yaml(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        Settings.from_yaml(tmp_path / "config.yaml")


def test_the_device_is_looked_for() -> None:
    assert Settings(problem=BURGERS, device="cpu").torch_device() == torch.device("cpu")
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert Settings(problem=BURGERS).torch_device().type == expected


def test_what_to_diagnose(tmp_path: Path) -> None:
    named = {"problem": "burgers"}
    assert Settings.from_mapping(named, "here").diagnoses() == ()
    everything = Settings.from_mapping({**named, "diagnose": "yes"}, "here").diagnoses()
    assert set(everything) == {"rank", "spectrum", "stages", "regime", "weights"}
    some = Settings.from_mapping({**named, "diagnose": "stages, rank"}, "here")
    assert some.diagnoses() == ("stages", "rank")
    (tmp_path / "a.yaml").write_text("problem: burgers\ndiagnose: yes\n")
    assert Settings.from_yaml(tmp_path / "a.yaml").diagnoses() == everything
    with pytest.raises(ValueError, match="--diagnose speed: yes, no, or a list"):
        Settings.from_mapping({**named, "diagnose": "speed"}, "here")
