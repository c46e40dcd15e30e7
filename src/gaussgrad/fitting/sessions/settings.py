"""What a fit was asked for, kept with it, so that `--resume` goes on as it began."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gaussgrad.fitting.photographs import fit_image

_OF_THE_SESSION = ("image", "mask")  # the others are arguments of `fit_image`


@dataclass(frozen=True)
class Settings:
    """What a fit was asked for; the names are those of `fit_image`."""

    image: str | None  # its file, a folder of such, or none for the photograph of scikit-learn
    n: int | None  # the fewest that reach psnr
    steps: int | None
    seconds: float | None
    psnr: float | None
    non_negative: bool
    narrowest: float
    seed: int
    compact: bool
    mask: str | None = None  # its file

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of `fit_image` but for the image."""
        return {name: value for name, value in asdict(self).items() if name not in _OF_THE_SESSION}

    @property
    def count(self) -> str:
        """How many Gaussians, in words."""
        if self.n is None:
            return f"the fewest Gaussians that reach {self.psnr:g} dB"
        return f"{self.n:,} Gaussian{'s' if self.n > 1 else ''}"

    def missed(self, psnr: float) -> str | None:
        """What to say of a fit that came to its end below the PSNR that was asked for."""
        if self.psnr is None or psnr >= self.psnr:
            return None
        reason = "as many Gaussians as pixels are too few" if self.n is None else "give more Gaussians, or more time"
        return f"{self.psnr:g} dB were not reached: {reason}."

    def refuse_other(self, given: Mapping[str, Any]) -> None:
        """Refuse settings that are given again and are not the same."""
        for name, value in given.items():
            wanted = getattr(self, name)
            if value != wanted:
                option = "IMAGE" if name == "image" else f"--{name.replace('_', '-')}"
                got = "as the fit was started"
                raise ValueError(f"{option} must be {wanted}, {got}; got {value}. Leave it out.")

    def refuse_wrong(self) -> None:
        """Refuse what `fit_image` would, by a corner of black that it does not move; its kernels are compiled then."""
        fit_image(np.zeros((3, 8, 8), np.float32), **{**self.options, "n": 1, "steps": 0})
