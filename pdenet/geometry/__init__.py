"""Regions that points are drawn from: shapes, their faces, products and combinations."""

from pdenet.geometry.ball import Ball, Disk
from pdenet.geometry.base import Region
from pdenet.geometry.box import Box, Interval, Parameters
from pdenet.geometry.cloud import Point, PointCloud
from pdenet.geometry.domain import Domain
from pdenet.geometry.ellipse import Ellipse
from pdenet.geometry.points import Points
from pdenet.geometry.polygon import Polygon, Triangle
from pdenet.geometry.segments import Segment
from pdenet.geometry.sphere import Circle, Sphere
from pdenet.geometry.unit import METHODS

__all__ = [
    "METHODS",
    "Ball",
    "Box",
    "Circle",
    "Disk",
    "Domain",
    "Ellipse",
    "Interval",
    "Parameters",
    "Point",
    "PointCloud",
    "Points",
    "Polygon",
    "Region",
    "Segment",
    "Sphere",
    "Triangle",
]
