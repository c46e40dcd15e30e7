"""SVG of Gaussians: what a browser is told adds up to the picture, and a browser draws it."""

import re
import shutil
import subprocess
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from gaussgrad import Gaussians, Picture

NAMESPACE = {"svg": "http://www.w3.org/2000/svg"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def scene(n=20, channels=3, size=(24, 32), brightest=0.4, tolerance=0.0111, **options):
    rng = np.random.default_rng(0)
    means = rng.uniform(0, size[::-1], size=(n, 2))
    factors = np.stack([rng.uniform(0.7, 4, n), rng.normal(size=n), rng.uniform(0.7, 4, n)], axis=-1)
    weights = rng.uniform(0, brightest, size=(n, channels))
    background = rng.uniform(0, 0.1, channels)
    gaussians = Gaussians(means, weights=weights, cholesky=factors)
    return Picture(gaussians, size, tolerance=tolerance, background=background, **options)


def colour(text):
    return np.array([int(text[k : k + 2], 16) / 255 for k in (1, 3, 5)])


def drawn(path):
    """The image (3, h, w) of an SVG by the rules of SVG, for what is written here: gradients under matrices, added."""
    root = ElementTree.parse(path).getroot()
    style = root.find(".//svg:style", NAMESPACE).text
    assert "circle{mix-blend-mode:plus-lighter}" in style
    opacities = [float(text) for text in re.findall(r"stop-opacity:([\d.]+)", style)]
    rectangle = root.find(".//svg:rect", NAMESPACE)
    y, x = np.mgrid[: int(root.get("height")), : int(root.get("width"))] + 0.5
    image = np.tile(colour(rectangle.get("fill"))[:, None, None], (1, *x.shape))
    gradients = {each.get("id"): each for each in root.iterfind(".//svg:radialGradient", NAMESPACE)}
    for circle in root.iterfind(".//svg:circle", NAMESPACE):
        a, b, c, d, e, f = map(float, re.findall(r"[^\s()a-z]+", circle.get("transform")))
        u, v = np.einsum("ij,jhw->ihw", np.linalg.inv([[a, c], [b, d]]), np.stack([x - e, y - f]))
        gradient = gradients[re.search(r"#(\w+)", circle.get("fill"))[1]]
        offsets = [float(stop.get("offset")) for stop in gradient]
        profile = np.interp(np.hypot(u, v) / float(circle.get("r")), offsets, opacities, right=0)
        image += colour(gradient.get("color"))[:, None, None] * float(circle.get("fill-opacity")) * profile
    return image


@pytest.mark.parametrize(
    ("channels", "brightest", "tolerance", "amplitude"),
    [(3, 0.4, 0.0111, "peak"), (1, 2.5, 0.0, "peak"), (3, 9.0, 0.2, "density")],
)
def test_the_gradients_add_up_to_the_picture(tmp_path, channels, brightest, tolerance, amplitude):
    picture = scene(channels=channels, brightest=brightest, tolerance=tolerance, amplitude=amplitude)
    picture.export(tmp_path / "a.svg")
    image = picture.render()
    np.testing.assert_allclose(drawn(tmp_path / "a.svg"), np.broadcast_to(image, (3, 24, 32)), atol=0.01 * image.max())


def test_gaussians_without_light_are_left_out(tmp_path):
    picture = scene(n=4)
    picture.gaussians.weights[1] = 0
    picture.export(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text().count("<circle") == 3


@pytest.mark.parametrize(
    ("options", "change", "words"),
    [
        ({}, -0.1, "weights must be 0 or more for an SVG, which adds light; got 1 Gaussians with one below. Fit with"),
        ({"channels": 4}, 0.1, "an SVG must be of grey or RGB Gaussians; got 4 channels"),
        ({"colour_space": "linear"}, 0.1, "colour_space must be srgb for an SVG; got linear"),
        ({"tolerance": 0.0}, 1.5, "background must be between 0 and 1 for an SVG; got 1.5"),
    ],
)
def test_what_a_browser_cannot_add_is_refused(tmp_path, options, change, words):
    picture = scene(**options)
    picture.gaussians.weights[3, 0] = min(change, 1)
    if change > 1:
        picture = Picture(picture.gaussians, picture.size, background=[change, 0, 0])
    with pytest.raises(ValueError, match=re.escape(words)):
        picture.export(tmp_path / "a.svg")
    assert list(tmp_path.iterdir()) == []


def test_a_browser_draws_the_picture(tmp_path):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium is installed")
    picture = scene(n=2000, size=(256, 256), brightest=0.06)
    picture.export(tmp_path / "a.svg")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=256,256")
    files = (
        f"--screenshot={tmp_path / 'a.png'}",
        f"--user-data-dir={tmp_path / 'profile'}",
        f"file://{tmp_path}/a.svg",
    )
    subprocess.run([browser, *options, *files], check=True, capture_output=True, timeout=120)
    with Image.open(tmp_path / "a.png") as image:
        shown = np.moveaxis(np.asarray(image.convert("RGB")) / 255, -1, 0)
    error = np.mean(np.square(shown - picture.render().clip(0, 1)))
    assert -10 * np.log10(error) > 41  # a fit of 35 dB then loses 1 dB
