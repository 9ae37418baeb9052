"""What a user installs: one name, typed, and a command that works outside the checkout."""

import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

from pdenet.catalogue import entries

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; its dependencies are borrowed, ours is not among them."""
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    python = folder / "env" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps"]
    subprocess.run([*install, "--quiet", str(wheel)], check=True)
    packages = next((folder / "env" / "lib").glob("python*/site-packages"))
    # A path in a .pth file is searched last, and .pth files found there (an editable pdenet) are
    # not run.
    (packages / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder


def test_wheel_installs_one_name(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in ZipFile(wheel).namelist()}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"pdenet"}


def test_wheel_holds_every_source_file(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    ours = {f"pdenet/{p.relative_to(ROOT / 'pdenet')}" for p in (ROOT / "pdenet").rglob("*.py")}
    problems = {f"pdenet/problems/{p.name}" for p in (ROOT / "problems").glob("*.py")}
    assert ours | problems | {"pdenet/py.typed"} <= names


def test_command_works_elsewhere(installed: Path) -> None:
    command = [str(installed / "env" / "bin" / "solve-problem"), "--list"]
    listed = subprocess.run(command, cwd=installed, check=True, capture_output=True, text=True)
    names = {line.split()[0] for line in listed.stdout.splitlines()}
    assert names == {entry.name for entry in entries()}


def test_it_is_the_wheel_that_runs(installed: Path) -> None:
    python = installed / "env" / "bin" / "python"
    show = "import pdenet; print(pdenet.__file__)"
    found = subprocess.run(
        [str(python), "-c", show], cwd=installed, check=True, capture_output=True, text=True
    )
    assert Path(found.stdout.strip()).is_relative_to(installed)
