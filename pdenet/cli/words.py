"""What the words of a command line say before there is a parser: which parts have arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pdenet.catalogue import Entry
from pdenet.selection import AUTO, DEFAULT_NAMES, Part, asked_for, automatic
from pdenet.settings import PARTS, read_yaml

FLAGS = ("--list", "--quiet", "--json", "--print-config", "--help", "-h")


def dotted(words: Sequence[str]) -> list[str]:
    """``NAME`` and ``--network X`` in the form that takes further arguments by dot.

    Args:
        words: Words after the command's name.

    Returns:
        The same with ``--problem.name NAME`` and ``--network.name X``.

    Example:
        >>> dotted(["burgers", "--network=mlp", "--quiet"])
        ['--problem.name', 'burgers', '--network.name=mlp', '--quiet']
    """
    named = {f"--{part}": f"--{part}.name" for part in PARTS}
    out: list[str] = []
    takes_value = False
    for word in words:
        option, equals, value = word.partition("=")
        if word.startswith("-"):
            out.append(named.get(option, option) + equals + value)
            takes_value = not equals and option not in FLAGS
        elif takes_value:
            out.append(word)
            takes_value = False
        else:
            out += ["--problem.name", word]
    return out


def names_in(words: Sequence[str]) -> dict[str, str]:
    """What decides which arguments there are: the problem and the parts, by name.

    Args:
        words: Words after the command's name, dotted.

    Returns:
        A name each; of the problem, an empty one if none is given.
    """
    names = DEFAULT_NAMES | {"problem": ""}
    for key, value in _config(words).items():
        if key in names:
            default = DEFAULT_NAMES.get(key, "auto")
            names[key] = value if isinstance(value, str) else (value or {}).get("name", default)
    for key in names:
        names[key] = _value_of(f"--{key}.name", words) or names[key]
    for part in PARTS:
        Part(part, names[part])
    return names


def automatic_names(
    entry: Entry | None, names: dict[str, str], words: Sequence[str]
) -> dict[str, str]:
    """Names of the parts whose arguments there are: what `auto` stands for with the problem.

    Args:
        entry: The problem, or None where none is named.
        names: Names as given.
        words: Words after the command's name, dotted.

    Returns:
        Names of concrete parts; the initializer's may stay `auto`.
    """
    try:
        problem = entry.build() if entry is not None else None
    except ValueError:  # it needs parameters, or cannot be built: that is said later
        problem = None
    if problem is None:
        return {part: AUTO.get(part, name) if name == "auto" else name
                for part, name in names.items()}  # fmt: skip
    found, asked = dict(names), _asked(names, words)
    for part in PARTS:  # the solver comes first: others depend on it
        if found[part] == "auto" and part != "initializer":
            found[part] = automatic(part, problem, found["solver"], asked)[0]
    return found


def _asked(names: Mapping[str, str], words: Sequence[str]) -> str:
    """What words and the configuration ask for that `auto` must heed."""
    given, config = {}, _config(words)
    for part in PARTS:
        mine = [w.removeprefix(f"--{part}.") for w in words if w.startswith(f"--{part}.")]
        stored = config.get(part)
        kept = stored if isinstance(stored, dict) else {}
        given[part] = names[part], {*(w.partition("=")[0] for w in mine), *kept} - {"name"}
    precision = _value_of("--precision", words) or str(config.get("precision", 64))
    corrections = _value_of("--corrections", words) or str(config.get("corrections", 0))
    return asked_for(given, 32 if precision == "32" else 64, corrections != "0")


def _config(words: Sequence[str]) -> dict[str, Any]:
    """What the configuration file holds, if one is given."""
    path = _value_of("--config", words)
    return read_yaml(Path(path)) if path else {}


def _value_of(option: str, words: Sequence[str]) -> str:
    for i, word in enumerate(words):
        if word.startswith(option + "="):
            return word.partition("=")[2]
        if word == option and i + 1 < len(words):
            return words[i + 1]
    return ""
