"""The parts of a solve by name, and what `auto` stands for."""

from pdenet.selection.choice import asked_for, automatic, choose, takes_initializer
from pdenet.selection.parts import AUTO, DEFAULT_NAMES, REGISTRIES, Part, options

__all__ = [
    "AUTO",
    "DEFAULT_NAMES",
    "REGISTRIES",
    "Part",
    "asked_for",
    "automatic",
    "choose",
    "options",
    "takes_initializer",
]
