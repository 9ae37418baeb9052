"""Named points with quadrature weights, densities and normals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.geometry.names import TIME, check_names


@dataclass(frozen=True, eq=False)
class Points:
    r"""Points of a region, drawn at random or taken from a quadrature rule.

    Attributes:
        coordinates: Names of the columns of ``x``.
        x: Coordinates, shape (n, d).
        weight: Quadrature weights, shape (n,): :math:`\int f \approx \sum_i w_i f(x_i)`, so they
            sum to the region's measure.
        density: Of the law that the points were drawn from, shape (n,), with respect to the
            region's own measure and normalized: 1 / measure where it is uniform.
        normals: Outward unit normals, shape (n, len(space)); None away from a boundary.
        space: The coordinates that are neither time nor parameters, which normals refer to.
        index: Rows of the user's own points that these are, shape (n,); None for all regions
            but a PointCloud.

    Example:
        >>> x = torch.tensor([[0.0], [1.0]])
        >>> ones = torch.ones(2)
        >>> normals = 2 * x - 1
        >>> points = Points(("x",), x, ones, density=ones / 2, normals=normals, space=("x",))
        >>> points["nx"].tolist()
        [-1.0, 1.0]
    """

    coordinates: tuple[str, ...]
    x: Tensor
    weight: Tensor
    density: Tensor
    normals: Tensor | None = None
    space: tuple[str, ...] = ()
    index: Tensor | None = None

    def __post_init__(self) -> None:
        """Check names, shapes and values.

        Raises:
            ValueError: Shapes do not match the names or each other, or a value is not finite.
        """
        parameters = set(self.coordinates) - set(self.space) - {TIME}
        names = check_names(self.coordinates, parameters)
        strangers = [name for name in self.space if name not in names]
        if strangers:
            raise ValueError(f"Spatial names {strangers} are not among the coordinates {names}.")
        n = len(self.x)
        shapes = {"x": (n, len(names)), "weight": (n,), "density": (n,)}
        if self.normals is not None:
            shapes["normals"] = (n, len(self.space))
        for name, shape in shapes.items():
            value = getattr(self, name)
            if tuple(value.shape) != shape:
                raise ValueError(
                    f"Points.{name} has shape {tuple(value.shape)}; expected {shape} for {n} "
                    f"points with coordinates {names} and space {self.space}."
                )
            if not bool(value.isfinite().all()):
                raise ValueError(f"Points.{name} holds values that are not finite; remove them.")
        if self.index is not None and tuple(self.index.shape) != (n,):
            raise ValueError(f"Points.index has shape {tuple(self.index.shape)}; expected ({n},).")

    @classmethod
    def trusted(
        cls,
        coordinates: tuple[str, ...],
        x: Tensor,
        weight: Tensor,
        density: Tensor,
        normals: Tensor | None,
        space: tuple[str, ...],
        index: Tensor | None = None,
    ) -> Points:
        """Build without checks, for parts that come from checked ones.

        Drawing points is on the path of every training step, and a check for finite values makes
        an accelerator wait.

        Args:
            coordinates: As the attribute.
            x: As the attribute.
            weight: As the attribute.
            density: As the attribute.
            normals: As the attribute.
            space: As the attribute.
            index: As the attribute.

        Returns:
            The points.
        """
        points = object.__new__(cls)
        points.__dict__.update(
            coordinates=coordinates,
            x=x,
            weight=weight,
            density=density,
            normals=normals,
            space=space,
            index=index,
        )
        return points

    def __len__(self) -> int:
        return self.x.shape[0]

    def __getitem__(self, name: str) -> Tensor:
        """Return one coordinate, or one component of the normal, shape (n,).

        Args:
            name: A coordinate such as ``"x"``, or ``"n"`` and a spatial one, such as ``"nx"``.

        Returns:
            The column.

        Raises:
            KeyError: No such coordinate, or the points have no normals.
        """
        if name in self.coordinates:
            return self.x[:, self.coordinates.index(name)]
        normals = [f"n{s}" for s in self.space]
        if name not in normals:
            known = (*self.coordinates, *(normals if self.normals is not None else ()))
            raise KeyError(f"Points have no {name!r}; they have {', '.join(known)}.")
        if self.normals is None:
            raise KeyError(
                f"Points have no normals, so no {name!r}: only points on a spatial boundary, or on "
                f"a curve such as Circle, do."
            )
        return self.normals[:, normals.index(name)]

    def to(
        self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> Points:
        """Return the same points in another precision or on another device.

        Args:
            dtype: Floating-point type of the result; None keeps it.
            device: Where to put it; None keeps it there.

        Returns:
            The converted points.
        """

        def move(value: Tensor) -> Tensor:
            return value.to(device=device, dtype=dtype)

        return Points.trusted(
            self.coordinates,
            move(self.x),
            move(self.weight),
            move(self.density),
            None if self.normals is None else move(self.normals),
            self.space,
            None if self.index is None else self.index.to(device=device),
        )

    def select(self, index: Tensor | slice) -> Points:
        """Return some of the points, with the weights that they have.

        Args:
            index: Row numbers, shape (m,); a mask, shape (n,); or a slice.

        Returns:
            The chosen points.
        """
        return Points.trusted(
            self.coordinates,
            self.x[index],
            self.weight[index],
            self.density[index],
            None if self.normals is None else self.normals[index],
            self.space,
            None if self.index is None else self.index[index],
        )

    def shard(self, rank: int, world: int) -> Points:
        """Return the share of one process: every ``world``-th point, starting at ``rank``.

        Weights stay as they are, so sums over the shards add up to the sum over all points. With
        fewer points than processes some shares are empty.

        Args:
            rank: Number of this process, 0 to ``world - 1``.
            world: Number of processes.

        Returns:
            The share.

        Raises:
            ValueError: ``rank`` is not among the processes.
        """
        if not 0 <= rank < world:
            raise ValueError(f"Rank {rank} is not among {world} processes, 0 to {world - 1}.")
        return self.select(slice(rank, None, world))

    @staticmethod
    def concatenate(parts: Sequence[Points]) -> Points:
        """Join points; weights and densities stay as they are.

        Normals (and rows of a cloud) are kept where all parts have them.

        Args:
            parts: At least one set of points, all with the same coordinates.

        Returns:
            All points in the order given.

        Raises:
            ValueError: There are no parts, or their coordinates differ.
        """
        if not parts:
            raise ValueError("Points.concatenate needs at least one set of points; got none.")
        first = parts[0]
        for part in parts[1:]:
            if (part.coordinates, part.space) != (first.coordinates, first.space):
                raise ValueError(
                    f"Cannot join points with coordinates {first.coordinates} (space "
                    f"{first.space}) and {part.coordinates} (space {part.space})."
                )

        def join(values: list[Tensor | None]) -> Tensor | None:
            known = [value for value in values if value is not None]
            return torch.cat(known) if len(known) == len(values) else None

        return Points.trusted(
            first.coordinates,
            torch.cat([p.x for p in parts]),
            torch.cat([p.weight for p in parts]),
            torch.cat([p.density for p in parts]),
            join([p.normals for p in parts]),
            first.space,
            join([p.index for p in parts]),
        )
