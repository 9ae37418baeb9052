"""Problems are found by name, in files and in other packages; what cannot be found is said so."""

import inspect
import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from pdenet import Problem, catalogue
from pdenet.catalogue import Entry, entries, find

ROD = '''
"""Rods."""
from __future__ import annotations
from typing import TYPE_CHECKING
import pdenet
from pdenet import Condition, Problem
from pdenet.geometry import Interval
from pdenet.problems.burgers import burgers
if TYPE_CHECKING:
    from nowhere import Nothing


def thin_rod(
    k: float = 1.0, waves: int = 2, name_of: str = "rod", fast: bool = False, more=None
) -> Problem:
    """A thin rod.

    Longer text.
    """
    domain = Interval(x=(0, 1))
    heat = Condition(lambda u: k * u.xx + waves, on=domain.interior)
    return Problem(domain=domain, fields="u", conditions={"heat": heat})


def helper(nothing: Nothing) -> float:
    return 1.0


def _hidden() -> Problem:
    return thin_rod()
'''


@pytest.fixture
def rod(tmp_path: Path) -> Path:
    path = tmp_path / "rods.py"
    path.write_text(ROD)
    return path


def written(tmp_path: Path, code: str) -> str:
    path = tmp_path / "mine.py"
    path.write_text(textwrap.dedent(code))
    return str(path)


# -- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ":thin_rod", ":thin-rod"])
def test_a_problem_in_a_file(rod: Path, suffix: str) -> None:
    entry = find(f"{rod}{suffix}")
    assert entry.spec == f"{rod}:thin-rod"  # what finds it again, from any folder
    assert (entry.name, entry.summary) == ("thin-rod", "A thin rod.")
    assert list(entry.parameters) == ["k", "waves", "name_of", "fast", "more"]
    problem = entry.build(k=3)
    assert problem.name == "thin-rod"
    expected = {"k": 3, "waves": 2, "name_of": "rod", "fast": False, "more": None}
    assert problem.parameters == expected


def test_a_relative_path_is_made_absolute(rod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(rod.parent)
    assert find("rods.py").spec == f"{rod.resolve()}:thin-rod"


def test_a_file_leaves_the_packages_alone(rod: Path) -> None:
    before = {name for name in sys.modules if name.startswith("pdenet")}
    find(str(rod))
    new = {name for name in sys.modules if name.startswith("pdenet")} - before
    assert new <= {"pdenet_user_rods", "pdenet.problems.burgers"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1", "holds no problem: write a function"),
        ("def f(:\n", "line 1"),
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("from pdenet.problems.burgers import burgers", "holds no problem"),
    ],
)
def test_files_without_a_problem(tmp_path: Path, code: str, said: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        find(written(tmp_path, code))
    assert said in str(error.value)


def test_one_of_several_is_to_be_chosen(rod: Path) -> None:
    rod.write_text(ROD + ROD[ROD.index("def thin_rod") :].replace("thin_rod", "beam"))
    with pytest.raises(ValueError, match=r"\['beam', 'thin-rod'\]; choose one as .*:beam"):
        find(str(rod))
    with pytest.raises(ValueError, match=r"no problem 'bar'; it holds \['beam', 'thin-rod'\]"):
        find(f"{rod}:bar")
    assert find(f"{rod}:beam").build().name == "beam"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder.py"
    folder.mkdir()
    with pytest.raises(ValueError, match="There is no file"):
        find(str(folder))


# -- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("burgrs", "Did you mean 'burgers'"),
        ("poisson_1d", "Did you mean 'poisson-1d'"),
        ("", "no problem ''"),
        ("zzz", "--list"),
    ],
)
def test_unknown_names(name: str, said: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        find(name)
    assert said in str(error.value)


def test_names_are_found_without_a_look_at_other_files(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = catalogue._in_module
    monkeypatch.setattr(catalogue, "_in_module", lambda name: seen.append(name) or real(name))
    assert find("burgers").name == "burgers"
    assert seen == ["burgers"]


def test_entries_are_in_order() -> None:
    names = [entry.name for entry in entries()]
    assert names == sorted(names)
    assert "poisson-2d" in names


# -- parameters --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"q": 1}, r"no parameter 'q'; it has \['k', "),
        ({"k": "thick"}, "'thick'; give a number"),
        ({"k": True}, "True; give a number"),
        ({"k": float("nan")}, "nan; give a finite number"),
        ({"more": float("inf")}, "inf; give a finite number"),
        ({"waves": 2.5}, "2.5; give a whole number"),
        ({"name_of": 3}, "3; give text"),
        ({"fast": "yes"}, "'yes'; give true or false"),
        ({"more": object()}, "cannot hold"),
    ],
)
def test_wrong_parameters(rod: Path, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        find(str(rod)).build(**parameters)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def f(k: float) -> Problem:\n    ...", "--problem.k VALUE"),
        ("def f() -> Problem:\n    return 3", "returned int; it must return a Problem"),
        ("def f() -> Problem:\n    return {}['k']", "cannot be built: KeyError: 'k'"),
        ("def f() -> Problem:\n    raise ValueError('thin')", "thin"),
    ],
)
def test_functions_that_fail(tmp_path: Path, code: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        find(written(tmp_path, "from pdenet import Problem\n" + code)).build()


# -- other packages ----------------------------------------------------------------------------


def installed(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    found = EntryPoints(
        EntryPoint(name.replace("_", "-"), value, catalogue.PROBLEMS)
        for name, value in points.items()
    )
    monkeypatch.setattr(
        catalogue, "entry_points", lambda group, **key: found.select(group=group, **key)
    )


def test_problems_of_other_packages(
    rod: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    installed(monkeypatch, other_rod="rods:thin_rod", burgers="rods:thin_rod")
    # The entry point's name counts, not the function's.
    assert find("other-rod").build(k=2.0).name == "other-rod"
    assert "other-rod" in [e.name for e in entries()]
    # Our own names stay ours.
    assert inspect.getmodule(find("burgers").function).__name__ == "pdenet.problems.burgers"
    assert {e.name: e for e in entries()}["burgers"].function is find("burgers").function


def test_a_broken_package_breaks_nothing_else(
    rod: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    installed(monkeypatch, lost="nowhere_at_all:f", value="rods:ROD", number="sys:maxsize")
    with pytest.warns(UserWarning, match="of an installed package") as warned:
        names = [e.name for e in entries()]
    assert all(
        f"'{w}'" in str(m.message) for w, m in zip(("lost", "value", "number"), warned, strict=True)
    )
    assert "burgers" in names
    assert not {"lost", "value", "number"} & set(names)
    with pytest.raises(ValueError, match=r"'lost' .* cannot be loaded: ModuleNotFoundError"):
        find("lost")
    with pytest.raises(ValueError, match="names a function"):
        find("number")


def test_an_entry_takes_any_function() -> None:
    def rod() -> Problem:
        return find("burgers").build()

    build: Callable[..., Problem] = rod
    assert Entry("my-rod", build).build().name == "my-rod"
