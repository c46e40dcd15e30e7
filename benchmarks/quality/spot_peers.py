"""Other finders of spots, run by a Python that has them: `python spot_peers.py NAME TUNE.npz FRAMES.npz OUT.npz`."""

# /// script
# dependencies = ["numpy", "scipy", "trackpy==0.7", "picassosr==0.11.3"]
# ///

import itertools
import sys
from collections.abc import Callable

import numpy as np

DIAMETERS = {"trackpy": (5, 7), "picasso": (7, 9)}
THRESHOLDS = (2, 5, 10, 20, 50, 100, 200, 400)
CAMERA = {"Baseline": 0, "Sensitivity": 1, "Gain": 1, "Pixelsize": 100}
Finder = Callable[[np.ndarray, int, float], tuple[np.ndarray, np.ndarray]]


def trackpy(frames: np.ndarray, diameter: int, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Centres of mass, refined: frame (n,) and means (n, 2)."""
    import trackpy

    trackpy.quiet()
    found = trackpy.batch(frames, diameter, minmass=threshold, processes=1)
    return found["frame"].to_numpy(), found[["x", "y"]].to_numpy()


def picasso(frames: np.ndarray, diameter: int, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Maxima of the net gradient, each fitted by maximum likelihood in a box: frame (n,) and means (n, 2)."""
    from picasso import gaussmle, localize

    places = localize.identify(frames, threshold, diameter, threaded=False, return_info=False)
    boxes = localize.get_spots(frames, places, diameter, CAMERA)
    found = gaussmle.locs_from_fits(places, *gaussmle.gaussmle(boxes, 1e-3, 100, method="sigma"), diameter)
    return found["frame"].to_numpy(), found[["x", "y"]].to_numpy()


FINDERS: dict[str, Finder] = {"trackpy": trackpy, "picasso": picasso}


def jaccard(frame: np.ndarray, means: np.ndarray, true_frame: np.ndarray, true_means: np.ndarray, most: float) -> float:
    """That of as many pairs as can be; it only chooses the settings."""
    from scipy.optimize import linear_sum_assignment

    pairs = 0
    for number in np.intersect1d(frame, true_frame):
        apart = np.linalg.norm(means[frame == number][:, None] - true_means[true_frame == number], axis=-1)
        pairs += int((apart <= most)[linear_sum_assignment(apart > most)].sum())
    return pairs / max(1, len(frame) + len(true_frame) - pairs)


def main(name: str, tune: str, frames: str, output: str) -> None:
    finder, scene = FINDERS[name], np.load(tune)
    counts, truth = scene["frames"].astype(np.float32), (scene["frame"], scene["means"], float(scene["tolerance"]))
    settings = list(itertools.product(DIAMETERS[name], THRESHOLDS))
    best = max(settings, key=lambda setting: jaccard(*finder(counts, *setting), *truth))
    frame, means = finder(np.load(frames)["frames"].astype(np.float32), *best)
    np.savez(output, frame=frame, means=means)


if __name__ == "__main__":
    main(*sys.argv[1:])
