"""The record that every storey passes on: Gaussians, with what can be done to all of them at once."""

from dataclasses import dataclass, field, replace
from typing import Any

from gaussgrad import checks, coordinates, covariance


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Gaussians of one image, or of many: means, covariances or Cholesky factors, weights and presence.

    The arrays are of any one framework. The record holds them as they are; the functions that take it check shapes and
    values. It has either `covariances` or `cholesky`, never both, and a method that changes widths keeps the kind that
    is held. Coordinates are pixels, unless you hold others and convert them (docs/conventions.md).

    Parameters
    ----------
    means : array (..., n, d)
        (x,), (x, y) or (x, y, z).
    covariances : array (..., n, d(d+1)/2), optional
        Packed upper triangles by rows: [xx], [xx, xy, yy] or [xx, xy, xz, yy, yz, zz], in pixels squared.
    weights : array (..., n) or (..., n, c), optional
        A number for each Gaussian, or for each of its c channels. It is the integral or the value at the mean, as
        `gaussgrad.render` takes it (`amplitude`). 0 where a Gaussian is absent. None means 1.
    presence : array (..., n), optional
        The probability of each Gaussian, if their number varies.
    cholesky : array (..., n, d(d+1)/2), optional
        In place of `covariances`: packed lower Cholesky factors by rows, [xx], [xx, yx, yy] or
        [xx, yx, yy, zx, zy, zz], of positive diagonal, in pixels. They keep the digits that covariances of long, narrow
        Gaussians lose, and `gaussgrad.log_density` takes them by the same name.

    Raises
    ------
    TypeError
        For none or both of `covariances` and `cholesky`.

    Examples
    --------
    >>> import gaussgrad
    >>> gaussians = gaussgrad.Gaussians([[4.0, 4.0]], cholesky=[[3.0, 0.0, 5.0]])
    >>> gaussians.packed_covariances().tolist()
    [[9.0, 0.0, 25.0]]
    >>> gaussians.blur(4.0).cholesky.round(3).tolist()
    [[5.0, 0.0, 6.403]]
    """

    means: Any
    covariances: Any = None
    weights: Any = None
    presence: Any = None
    cholesky: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        checks.given_widths(self.covariances, self.cholesky)

    @property
    def held(self) -> str:
        """The name of the field that holds the widths: "covariances" or "cholesky"."""
        return checks.given_widths(self.covariances, self.cholesky)

    def packed_covariances(self) -> Any:
        """Covariances (..., n, d(d+1)/2): those held, or those of the Cholesky factors, differentiable in them."""
        return covariance.from_cholesky(self.cholesky) if self.covariances is None else self.covariances

    def factors(self) -> Any:
        """Cholesky factors (..., n, d(d+1)/2): those held, or those of the covariances, differentiable in them."""
        return covariance.to_cholesky(self.covariances) if self.cholesky is None else self.cholesky

    def blur(self, stddev: Any) -> "Gaussians":
        """The Gaussians after a blur of standard deviation `stddev` (...), in the unit of the means.

        `gaussgrad.covariance.blur` gives the widths. The weights stay, so the result draws the blurred image where they
        are integrals (`amplitude="density"`). Where they are values at the means, use
        `gaussgrad.fitting.blur_gaussians`, which lowers them. Differentiable in the widths and to `stddev`.
        """
        return self._with(self.means, covariance.blur(self.covariances, stddev, cholesky=self.cholesky))

    def to_pixels(self, size: tuple[int, ...]) -> "Gaussians":
        """The Gaussians in pixels, from normalised units; see `gaussgrad.to_pixels`. Differentiable."""
        return self._with(*coordinates.to_pixels(self.means, self.covariances, cholesky=self.cholesky, size=size))

    def to_normalized(self, size: tuple[int, ...]) -> "Gaussians":
        """The Gaussians in normalised units, from pixels; see `gaussgrad.to_normalized`. Differentiable."""
        return self._with(*coordinates.to_normalized(self.means, self.covariances, cholesky=self.cholesky, size=size))

    def _with(self, means: Any, widths: Any) -> "Gaussians":
        """Other means and widths; the widths are of the kind that is held."""
        return replace(self, means=means, **{self.held: widths})
