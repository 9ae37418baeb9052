"""What every flow is: an invertible map of a cube to itself, and the density that it carries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Transform
from zuko.lazy import LazyTransform
from zuko.transforms import ComposedTransform

from pdenet.checks import whole
from pdenet.flows.maps import image, image_and_ladj, preimage


class Flow(nn.Module, ABC):
    r"""A density on a cube, by an invertible map T of its points u to noise z of a simple law.

    .. math:: p(u) = p_0(T(u)) \, |\det \nabla T(u)|, \qquad u = T^{-1}(z)

    An untrained flow is the uniform law. Everything is in float64, and random numbers come from
    seeds, never from the global generator.

    Args:
        dimension: Of the cube.

    Attributes:
        margin: The cube is (-margin, 1 + margin) in every coordinate: 0 for the unit cube itself.

    Raises:
        ValueError: The dimension is no whole number of at least 1.
    """

    margin = 0.0

    def __init__(self, dimension: int) -> None:
        super().__init__()
        whole(dimension=dimension)
        self.dimension = dimension
        self.layers = nn.ModuleList()

    @abstractmethod
    def build(self) -> Iterator[LazyTransform]:
        """The layers from points to noise, with random hidden weights, for a uniform law."""

    def transform(self) -> Transform:
        """The map from points to noise with the present parameters, a torch Transform."""
        return ComposedTransform(*(layer() for layer in self.layers))

    def log_prob(self, u: Tensor) -> Tensor:
        """Logarithm of the density.

        Args:
            u: Points of the cube, shape (n, d).

        Returns:
            Shape (n,), with gradients to parameters and points.
        """
        noise, ladj = image_and_ladj(self.transform(), self._unit(u))
        return self.log_prior(noise) + ladj - self._log_volume

    def log_prior(self, noise: Tensor) -> Tensor:
        """Logarithm of the noise's density, shape (n, d) -> (n,); uniform on the unit cube here."""
        return noise.new_zeros(len(noise))

    def shape_noise(self, uniform: Tensor) -> Tensor:
        """Noise from numbers that are uniform on (0, 1), shape (n, d) -> (n, d)."""
        return uniform

    def noise(self, u: Tensor) -> Tensor:
        """The noise that points come from, shape (n, d) -> (n, d)."""
        return image(self.transform(), self._unit(u))

    def push(self, noise: Tensor) -> Tensor:
        """Points from noise, the inverse of :meth:`noise`.

        Args:
            noise: Shape (n, d).

        Returns:
            Shape (n, d), with gradients to parameters: the pathwise estimator's way.
        """
        return preimage(self.transform(), noise) * (1 + 2 * self.margin) - self.margin

    @torch.no_grad()
    def sample(self, n: int, *, seed: int | Sequence[int]) -> Tensor:
        """Draws points: a pure function of the parameters and the arguments.

        Args:
            n: Number of points.
            seed: A non-negative whole number, or several.

        Returns:
            Shape (n, d).
        """
        return self.push(self.draw_noise(n, seed=seed))

    def draw_noise(self, n: int, *, seed: int | Sequence[int]) -> Tensor:
        """Draws noise, which :meth:`push` makes points of.

        Args:
            n: Number of points.
            seed: A non-negative whole number, or several.

        Returns:
            Shape (n, d).
        """
        uniform = np.random.default_rng(seed).random((n, self.dimension))
        return self.shape_noise(torch.from_numpy(uniform))

    def reset(self, seed: int) -> None:
        """Back to the uniform law, with hidden weights of a seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            before = torch.get_default_dtype()
            torch.set_default_dtype(torch.float64)
            try:
                self.layers = nn.ModuleList(self.build())
            finally:
                torch.set_default_dtype(before)

    @property
    def _log_volume(self) -> float:
        return self.dimension * float(np.log1p(2 * self.margin))

    def _unit(self, u: Tensor) -> Tensor:
        """The cube with its margins, scaled to the unit cube."""
        return (u + self.margin) / (1 + 2 * self.margin) if self.margin else u
