"""Imports point to lower layers only, siblings stay independent, and there is no cycle."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "pdenet"

LAYERS = [
    {"geometry", "jets", "record", "checks"},
    {"conditions", "functions"},
    {"energy"},
    {"problem", "networks", "flows"},
    {"residuals"},
    {"operators"},
    {"tangent"},
    {"optim", "references", "diagnostics"},
    {"sampling", "balancing", "metrics", "frequencies", "linear_fit"},
    {"solvers"},
    {"solution", "operator_errors", "selection"},
    {"accuracy"},
    {"callbacks"},
    {"catalogue"},
    {"report"},
    {"settings"},
    {"run"},
    {"cli"},
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a file imports, also inside functions."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.append(node.module or "")
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return {n.split(".")[1] for n in names if n.startswith("pdenet.")}


SOURCES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    mine = room_of(path)
    assert mine in LEVEL, f"{mine} is in no layer; add it to LAYERS"
    for other in imported_rooms(path) - {mine}:
        if other == "problems":
            assert mine == "catalogue", f"{path} loads problems; only the catalogue does"
            continue
        assert LEVEL[other] < LEVEL[mine], f"{mine} imports {other}, which is not below it"


def test_every_layer_exists() -> None:
    rooms = {room_of(p) for p in SOURCES}
    assert set(LEVEL) == rooms


def test_problems_import_public_names_only() -> None:
    for path in (ROOT.parent / "problems").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pdenet"):
                private = [a.name for a in node.names if a.name.startswith("_")]
                assert not private, f"{path.name} imports {private}"
