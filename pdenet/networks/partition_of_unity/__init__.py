"""Partition of unity: local networks on patches, joined by windows that sum to one."""

from pdenet.networks.partition_of_unity.factory import LocalFeatures, PatchedFactory
from pdenet.networks.partition_of_unity.grid import Grid, parse_counts, read_counts
from pdenet.networks.partition_of_unity.network import PatchedNetwork, width_at_once
from pdenet.networks.partition_of_unity.windows import WINDOWS, Window, WindowName, find_window

__all__ = [
    "WINDOWS",
    "Grid",
    "LocalFeatures",
    "PatchedFactory",
    "PatchedNetwork",
    "Window",
    "WindowName",
    "find_window",
    "parse_counts",
    "read_counts",
    "width_at_once",
]
