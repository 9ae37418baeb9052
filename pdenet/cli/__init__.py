"""The command line: ``solve-problem NAME|FILE.py[:name] [options]``.

Exit status: 0 solved; 1 ran, but the verdict is not "solved"; 2 bad input; 130 interrupted.
"""

from pdenet.cli.command import BAD_INPUT, INTERRUPTED, NOT_SOLVED, SOLVED, main

__all__ = ["BAD_INPUT", "INTERRUPTED", "NOT_SOLVED", "SOLVED", "main"]
