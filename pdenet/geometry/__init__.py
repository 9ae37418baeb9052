"""Regions that points are drawn from: shapes, their faces, products and combinations."""

from pdenet.geometry.base import Domain, Region
from pdenet.geometry.box import Box, Interval, Parameters
from pdenet.geometry.cloud import Point, PointCloud
from pdenet.geometry.points import Points
from pdenet.geometry.unit import METHODS

__all__ = [
    "METHODS",
    "Box",
    "Domain",
    "Interval",
    "Parameters",
    "Point",
    "PointCloud",
    "Points",
    "Region",
]
