"""Pictures: ellipses lie where the Gaussians lie, pictures show their images and are not blank."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from gaussgrad import covariance, plot
from gaussgrad.files.images import read_image
from gaussgrad.gaussians import Gaussians
from gaussgrad.metrics import Baselines
from gaussgrad.plot import sheets
from gaussgrad.plot.outlines import diameters
from gaussgrad.plot.style import colours, draw_image


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.5, -1.2])
def test_diameters_are_those_of_two_standard_deviations_along_the_principal_axes(angle):
    packed = covariance.from_scale_rotation(np.array([[5.0, 2.0]]), np.array([angle]))
    widths, heights, angles = diameters(packed)
    np.testing.assert_allclose((widths[0], heights[0]), (20, 8), rtol=1e-9)
    np.testing.assert_allclose(np.sin(np.radians(angles[0]) - angle), 0, atol=1e-9)


def _picture(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _bright(path):
    """Where a picture is coloured, not grey."""
    pixels = _picture(path).astype(int)
    return pixels.max(axis=-1) - pixels.min(axis=-1) > 60


def test_an_ellipse_is_drawn_around_its_mean_with_y_down(tmp_path):
    figure = Figure(figsize=(2, 1), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    draw_image(axes, np.zeros((1, 20, 40)))
    means, covariances = np.array([[30.0, 5.0]]), np.array([[4.0, 0.0, 1.0]])
    plot.ellipses(axes, means, covariances)
    figure.savefig(tmp_path / "drawn.png")
    rows, columns = np.nonzero(_bright(tmp_path / "drawn.png"))  # five dots per pixel
    np.testing.assert_allclose((columns.mean(), rows.mean()), (30.5 * 5, 5.5 * 5), atol=2)
    np.testing.assert_allclose((np.ptp(columns), np.ptp(rows)), (2 * 4 * 5, 2 * 2 * 5), atol=4)


def test_light_gaussians_are_faint():
    figure = Figure()
    axes = figure.add_subplot()
    plot.ellipses(axes, np.zeros((2, 2)), np.array([[1.0, 0, 1.0]] * 2), np.array([0.0, 0.8]))
    faint, strong = axes.collections[0].get_edgecolor()[:, 3]
    np.testing.assert_allclose((faint, strong), (0.2, 1.0))


@pytest.mark.parametrize("n", [0, 1, 10, 57])
def test_every_gaussian_has_a_colour_of_its_own(n):
    found = colours(n)
    assert found.shape == (n, 4)
    assert len(np.unique(found.round(6), axis=0)) == n


@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize(("channels", "size"), [(1, (28, 28)), (3, (20, 40)), (3, (40, 16))])
def test_a_comparison_shows_originals_reconstructions_and_gaussians(tmp_path, rng, points, channels, size):
    originals = np.full((4, channels, *size), 0.5)
    means = rng.uniform(4, 12, (4, 6, 2))
    covariances = np.broadcast_to([4.0, 1.0, 3.0], (4, 6, 3))
    weights = np.ones((4, 6) if channels == 1 else (4, 6, 3))
    path = tmp_path / "comparison.png"
    sheets.write_comparison(path, originals, 0 * originals, means, covariances, weights, points=points)
    picture = _picture(path)
    grey = [(abs(picture.astype(int) - level) < 2).all(axis=-1).mean() for level in (127, 0, 255)]
    assert min(grey) > 0.02  # originals, reconstructions, paper
    top, middle, bottom = np.array_split(_bright(path), 3)
    assert bottom.mean() > 0.01
    assert not top[5:-9].any()
    assert not middle[9:-9].any()


def test_an_overlay_shows_the_image_and_its_gaussians(tmp_path):
    gaussians = (np.array([[8.0, 8.0]]), np.array([[4.0, 0.0, 4.0]]), np.ones(1))
    sheets.write_overlay(tmp_path / "overlay.png", np.ones((1, 16, 16)), np.zeros((1, 16, 16)), gaussians)
    assert _bright(tmp_path / "overlay.png").any()
    with pytest.raises(FileExistsError):
        sheets.write_overlay(tmp_path / "overlay.png", np.ones((1, 16, 16)), np.zeros((1, 16, 16)), gaussians)


def _panes(count):
    return list(Figure().subplots(1, count, squeeze=False)[0])


def test_covariances_and_their_cholesky_factors_are_the_same_ellipses():
    packed = np.array([[4.0, 1.0, 3.0], [9.0, -2.0, 1.0]])
    first, second = _panes(2)
    plot.ellipses(first, np.zeros((2, 2)), packed)
    plot.ellipses(second, np.zeros((2, 2)), cholesky=covariance.to_cholesky(packed))
    for name in ("get_widths", "get_heights", "get_angles"):
        np.testing.assert_allclose(*(getattr(axes.collections[0], name)() for axes in (first, second)), rtol=1e-12)


def test_ellipses_take_tensors_with_gradients_and_one_covariance_for_all():
    (axes,) = _panes(1)
    means = torch.rand(3, 2).requires_grad_()
    assert plot.ellipses(axes, means, torch.tensor([4.0, 0.0, 1.0]), colour="red") is axes
    np.testing.assert_allclose(axes.collections[0].get_widths(), [8.0] * 3)
    np.testing.assert_allclose(axes.collections[0].get_edgecolor(), [[1.0, 0.0, 0.0, 1.0]] * 3)


def test_an_overlay_darkens_the_image_and_cuts_what_cannot_be_shown():
    (axes,) = _panes(1)
    plot.overlay(axes, torch.tensor([[0.0, 1.0, 3.0]]), np.zeros((1, 2)), [1.0, 0.0, 1.0])
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.0, 0.55, 0.55]])


@pytest.mark.parametrize("count", [2, 3])
def test_a_comparison_titles_every_pane(count):
    panes = _panes(count)
    gaussians = (np.zeros((1, 2)), [1.0, 0.0, 1.0])[: 2 * (count - 2)]
    assert plot.compare(panes, np.zeros((4, 5)), np.ones((3, 4, 5)), *gaussians) is panes
    assert [pane.get_title() for pane in panes] == ["original", "reconstruction", "Gaussians"][:count]
    with pytest.raises(ValueError, match=f"axes must be {count} axes"):
        plot.compare(_panes(1), np.zeros((4, 5)), np.ones((4, 5)), *gaussians)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((np.zeros((2, 3, 2)), [1.0, 0.0, 1.0]), "means must have the shape"),
        ((np.zeros((2, 2)), np.ones((3, 3))), r"covariances must have the shape \(2, 3\)"),
        ((np.zeros((2, 2)), np.ones(6)), r"covariances must have the shape"),
        ((np.zeros((2, 2)), [1.0, 0.0, 1.0], np.ones(3)), "weights must have the shape"),
    ],
)
def test_ellipses_refuse_what_they_cannot_draw(parts, message):
    with pytest.raises(ValueError, match=message):
        plot.ellipses(_panes(1)[0], *parts)


def test_an_image_of_another_form_is_refused():
    with pytest.raises(ValueError, match=r"image must have the shape .* got \(2, 4, 5\)"):
        plot.overlay(_panes(1)[0], np.zeros((2, 4, 5)), np.zeros((1, 2)), [1.0, 0.0, 1.0])


@pytest.mark.parametrize("pca", [11.5, 18.8, 25.0])
def test_names_of_a_learning_curve_touch_neither_each_other_nor_the_data(pca):
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    assert plot.learning_curve(axes, HISTORIES["many"], Baselines(11.5, pca, 60)) is axes
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in axes.texts]  # an annotation's own has its line too
    assert len(boxes) == 4
    low, high = axes.get_ylim()
    assert all(low + 0.1 < line.get_ydata()[0] < high - 0.1 for line in axes.lines)
    assert all(axes.bbox.x1 < box.x0 and box.x1 < figure.bbox.x1 for box in boxes)
    rows = sorted((box.y0, box.y1) for box in boxes)
    assert all(below[1] < above[0] for below, above in pairwise(rows))


HISTORIES = {
    "one epoch": [{"epoch": 1, "loss": 0.05, "held_out_psnr": 12.0}],
    "many": [{"epoch": i, "loss": 0.1 / i, "held_out_psnr": 10 + 9 * (1 - 1 / i)} for i in range(1, 60)],
    "gaps": [{"epoch": 3, "loss": 0.1}, {"epoch": 4, "loss": 0.1, "held_out_psnr": 10.0}],
    "nothing": [],
}


@pytest.mark.parametrize("history", HISTORIES)
def test_a_learning_curve_is_drawn_from_any_history(tmp_path, history):
    baselines = Baselines(mean_image=11.5, pca=20.0, pca_numbers=60)
    sheets.write_learning_curve(tmp_path / "curve.png", HISTORIES[history], baselines)
    picture = _picture(tmp_path / "curve.png")
    assert picture.std() > 5
    assert _bright(tmp_path / "curve.png").any()


@pytest.mark.parametrize(("channels", "n", "size"), [(3, 900, (40, 60)), (1, 3, (20, 30)), (4, 0, (1, 2500))])
def test_a_fit_shows_image_drawing_ellipses_and_error(tmp_path, rng, channels, n, size):
    original, drawn = np.full((channels, *size), 0.4), np.full((channels, *size), 0.6)
    means, factors = rng.uniform((0, 0), size[::-1], (n, 2)), np.broadcast_to([1.0, 0.2, 0.7], (n, 3))
    gaussians = Gaussians(means, cholesky=factors, weights=np.ones((n, channels)))
    sheets.write_fit(tmp_path / "fit.png", original, drawn, gaussians)
    picture = _picture(tmp_path / "fit.png").astype(int)
    (before, after), (inside, error) = (np.array_split(row, 2, axis=1) for row in np.array_split(picture, 2))
    middles = [np.median(quarter[len(quarter) // 2 :], axis=(0, 1)) for quarter in (before, after, error)]
    if size[0] > 1:
        np.testing.assert_allclose(middles, [[102] * 3, [153] * 3, [255] * 3], atol=1)
    coloured = [np.ptp(quarter, axis=-1).max() > 60 for quarter in (before, after, inside, error)]
    assert coloured == [False, False, n > 0, False]
    framed = [(quarter[60:-20, 30:-30] > 250).all(axis=-1).any() for quarter in (before, after)]
    assert framed == [n == 900] * 2 or size[0] == 1


def test_a_shrunk_image_has_means_of_squares():
    image = np.arange(2 * 5 * 7.0).reshape(2, 5, 7)
    shrunk = sheets._shrunk(image, 3)
    assert shrunk.shape == (2, 2, 3)
    np.testing.assert_allclose(shrunk[1, 0, 0], image[1, :3, :3].mean())
    np.testing.assert_allclose(shrunk[0, 1, 2], image[0, 3:, 6:].mean())


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_holds_every_image_in_its_place(tmp_path, channels):
    images = np.random.default_rng(0).uniform(-0.2, 1.2, (5, channels, 14, 21))
    sheets.write_grid(tmp_path / "grid.png", images)
    sheet = read_image(tmp_path / "grid.png")
    assert sheet.shape == (channels, 4 * (2 * 15 + 1), 4 * (3 * 22 + 1))
    for i, image in enumerate(images):
        top, left = 4 * (1 + 15 * (i // 3)), 4 * (1 + 22 * (i % 3))
        shown = sheet[:, top : top + 56 : 4, left : left + 84 : 4]
        np.testing.assert_allclose(shown, image.clip(0, 1), atol=0.002)


def test_only_owned_gaussians_are_drawn_on_a_frame(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(sheets, "write_overlay", lambda path, *parts, **options: drawn.append(parts[2][0].tolist()))
    frames = np.zeros((2, 1, 4, 5))
    found = Gaussians(np.arange(8.0).reshape(2, 2, 2), np.ones((2, 2, 3)), np.ones((2, 2)))
    owned = np.array([[False, True], [True, True]])
    sheets.write_overlays(tmp_path / "overlay", [sheets.Shown(["a", "b"], frames, frames, found, owned)])
    assert drawn == [[[2.0, 3.0]], [[4.0, 5.0], [6.0, 7.0]]]
