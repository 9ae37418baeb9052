"""Vector fields."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any


class Vector:
    """A vector (or tensor) field: a tuple of scalar fields, or of vectors.

    Components stay apart, so that shapes (n,) and (n, d) never meet. Sums are of vectors of equal
    length; products and quotients are by scalars.

    Args:
        components: Fields, plain tensors (n,), or vectors.

    Example:
        >>> (2 * Vector([1.0, 2.0]) - Vector([0.0, 1.0])).components
        (2.0, 3.0)
    """

    def __init__(self, components: Sequence[Any]) -> None:
        self.components = tuple(components)

    def __len__(self) -> int:
        return len(self.components)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.components)

    def __getitem__(self, index: int) -> Any:
        if isinstance(index, int) and not -len(self) <= index < len(self):
            raise IndexError(
                f"Component {index} of a vector with {len(self)} components; "
                f"they count from 0 to {len(self) - 1}."
            )
        return self.components[index]

    def d(self, *names: str) -> "Vector":
        """Partial derivative of every component.

        Args:
            *names: Coordinates.

        Returns:
            The vector of derivatives.
        """
        return Vector([component.d(*names) for component in self])

    def __getattr__(self, name: str) -> "Vector":
        if name.startswith("_") or name == "components":
            raise AttributeError(name)
        return Vector([getattr(component, name) for component in self])

    def __repr__(self) -> str:
        return f"Vector({list(self.components)})"

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        # tensor * vector arrives here, as an operation of the tensor; a compiler brings
        # vector / tensor too, as the tensor's reflected one.
        if func.__name__ in ("mul", "__rdiv__") and len(args) == 2:
            scalar, vector = args if isinstance(args[1], Vector) else args[::-1]
            return vector * scalar if func.__name__ == "mul" else vector / scalar
        raise TypeError(
            f"{func.__name__} of a vector field. Work on components, v[0], v[1], ..., or use dot, "
            "norm, div."
        )

    def __add__(self, other: Any) -> "Vector":
        return Vector([a + b for a, b in zip(self, self._other(other), strict=True)])

    def __sub__(self, other: Any) -> "Vector":
        return Vector([a - b for a, b in zip(self, self._other(other), strict=True)])

    def __mul__(self, other: Any) -> "Vector":
        if isinstance(other, Vector):
            raise TypeError("A product of two vectors is ambiguous. Write dot(a, b).")
        return Vector([component * other for component in self])

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Vector":
        if isinstance(other, Vector):
            raise TypeError("A vector cannot be divided by a vector. Divide its components.")
        return Vector([component / other for component in self])

    def __neg__(self) -> "Vector":
        return Vector([-component for component in self])

    def __pos__(self) -> "Vector":
        return self

    def _other(self, other: Any) -> "Vector":
        if not isinstance(other, Vector) or len(other) != len(self):
            what = f"one of {len(other)}" if isinstance(other, Vector) else type(other).__name__
            raise TypeError(
                f"A vector of {len(self)} components and {what} cannot be added. "
                "Add vectors of equal length, or work on components v[0], v[1], ..."
            )
        return other
