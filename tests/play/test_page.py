"""The page in a headless Chromium: drop, fit, drag, save, reopen, and no error on its console."""

import base64
import io
import re
import threading
import time

import numpy as np
import pytest
from PIL import Image

from benchmarks.browser import executable, opened
from gaussgrad import Picture
from gaussgrad.files.photographs import read_photograph
from gaussgrad.play import server

DROP = """(async () => {{
  const file = new File([await (await fetch("/given")).blob()], "{name}");
  const data = new DataTransfer();
  data.items.add(file);
  const drop = new DragEvent("drop", {{ dataTransfer: data, cancelable: true }});
  document.getElementById("photograph").dispatchEvent(drop);
}})()"""
TEXT = "document.getElementById('{}').textContent"
SET = "(() => {{ const e = document.getElementById('{}'); e.value = {!r}; e.dispatchEvent(new Event('{}')); }})()"
_SAID = TEXT.format("sampling-numbers")
CLICK = "document.getElementById('{}').click()"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A small picture of two colours."""
    path = tmp_path_factory.mktemp("image") / "two colours.png"
    y, x = np.mgrid[:20, :24]
    numbers = np.stack((200 * np.exp(-((x - 8) ** 2 + (y - 9) ** 2) / 30), 6 * y, 255 - 8 * x), axis=-1)
    Image.fromarray(numbers.astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def place(image):
    """The address of a server of the page."""
    with server.start(image) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield server.address(serving, image)
        serving.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    """One browser for all."""
    if executable() is None:
        pytest.skip("needs Chromium")
    with opened(tmp_path_factory.mktemp("browser")) as tab:
        window = {"width": 1200, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        tab.call("Emulation.setDeviceMetricsOverride", **window)
        yield tab


@pytest.fixture
def page(tab, place):
    """The page, freshly opened with the image; nothing on its console by the end."""
    tab.errors.clear()
    tab.open(place.partition("?")[0])
    tab.evaluate(SET.format("photo-steps", "100", "input"))
    yield tab
    assert tab.errors == []


def downloaded(folder, name):
    until = time.monotonic() + 20
    while not (folder / name).exists() and time.monotonic() < until:
        time.sleep(0.05)
    return folder / name


def test_a_dropped_photograph_is_fitted_saved_and_reopened(page, tab, image, tmp_path):
    tab.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    tab.evaluate(SET.format("photo-n", "1.3", "input"))
    tab.evaluate("document.getElementById('photo-adding').checked = true")
    tab.evaluate(DROP.format(name="two.png"))
    tab.wait("document.getElementById('photo-status').textContent.startsWith('step 100 of 100 · 20 Gaussians')")
    for kind in ("gauss", "svg", "png"):
        tab.evaluate(CLICK.format(f"photo-{kind}"))
    picture = Picture.load(downloaded(tmp_path, "two.gauss"))
    wanted = read_photograph(image).numbers / 255
    psnr = -10 * np.log10(np.square(picture.render() - wanted).mean())
    assert psnr == pytest.approx(picture.fit_psnr, abs=0.01)
    assert psnr > 20
    drawn = np.asarray(Image.open(downloaded(tmp_path, "two.png")), float)[..., :3]
    assert np.abs(drawn - 255 * np.clip(np.moveaxis(picture.render(), 0, -1), 0, 1)).max() < 1
    assert downloaded(tmp_path, "two.svg").read_text(encoding="utf-8").count("<radialGradient") > 5


def test_a_gauss_file_of_python_is_opened_and_a_bad_file_is_told_plainly(page, tab, tmp_path):
    spot = Picture(_gaussians(), (10, 12), tolerance=0.0111, background=[0.1, 0.1, 0.1])
    spot.save(tmp_path / "spot.gauss")
    data = (tmp_path / "spot.gauss").read_bytes()
    opening = """(async () => {{
      const {{ open }} = await import("/parts/photograph.js");
      await open(new Blob([Uint8Array.from({bytes})]), "{name}");
    }})()"""

    def give(name, data):
        tab.evaluate(opening.format(bytes=list(data), name=name))
        return tab.evaluate(TEXT.format("photo-message"))

    assert give("spot.gauss", data) == ""
    assert tab.evaluate(TEXT.format("photo-status")) == "2 Gaussians, from a file"
    assert "is no image that this browser can read" in give("notes.png", b"nothing")
    assert "it is too short" in give("short.gauss", b"1234")
    assert "it is no .gauss file" in give("other.gauss", b"x" * 99)
    assert "cut short" in give("cut.gauss", data[:-4])
    assert "gaussgrad export" in give("small.gauss", data.replace(b'"plain"', b'"small"'))


def _gaussians():
    from gaussgrad import Gaussians

    return Gaussians(
        [[3.0, 4.0], [8.0, 5.0]], cholesky=[[2.0, 0.5, 1.0], [1.0, 0.0, 3.0]], weights=[[0.5, 0.2, 0.1]] * 2
    )


def test_points_are_dragged_and_the_energy_distance_pulls_those_that_are_stuck(page, tab):
    tab.evaluate("location.hash = 'points'")
    tab.wait("!document.getElementById('points').hidden && document.getElementById('points-canvas').width > 300")
    status = TEXT.format("points-status")
    before = tab.wait(f"{status}.includes('feel nothing') && {status}")
    tab.evaluate("document.getElementById('points-canvas').scrollIntoView()")
    box = tab.evaluate(
        "(({x, y, width}) => [x, y, width])(document.getElementById('points-canvas').getBoundingClientRect())"
    )
    first = tab.evaluate("import('/parts/pulls.js').then(({ FIRST, scattered }) => [...scattered(FIRST).slice(0, 2)])")
    start = tuple(box[k] + box[2] * (first[k] + 0.5) / 256 for k in (0, 1))
    tab.drag(start, (box[0] + box[2] / 2, box[1] + box[2] / 2))
    tab.wait(f"{status} !== {before!r}")
    tab.evaluate(SET.format("points-loss", "energy", "change"))
    tab.wait(f"{status}.includes('Every point feels a pull')")
    tab.evaluate(CLICK.format("points-run"))
    tab.evaluate("new Promise((done) => setTimeout(done, 300))")
    tab.evaluate(SET.format("points-loss", "blurred", "change"))  # they run on
    end = tab.wait(f"/([5-9] |of 10 points |All points )are there/.test({status}) && {status}")
    assert "are there" not in before
    assert "are there" in end
    tab.evaluate(CLICK.format("points-run"))
    assert tab.evaluate(TEXT.format("points-run")) == "Let them run"


def test_the_fit_pauses_and_goes_on(page, tab):
    tab.evaluate(SET.format("photo-steps", "2000", "input"))
    tab.evaluate(CLICK.format("photo-fit"))
    status, button = TEXT.format("photo-status"), TEXT.format("photo-pause")
    tab.wait(f"{status}.includes('of 2000') && {button} === 'Pause'")
    tab.evaluate(CLICK.format("photo-pause"))
    tab.wait(f"{button} === 'Go on'")
    paused = tab.evaluate(status)
    tab.evaluate("new Promise((done) => setTimeout(done, 400))")
    assert tab.evaluate(status) == paused
    assert not paused.startswith("step 2000")
    tab.evaluate(CLICK.format("photo-pause"))
    assert tab.wait(f"{status} !== {paused!r} && {button}") == "Pause"


def test_the_photograph_its_error_and_ellipses_are_shown_and_zoomed_into(page, tab, image):
    tab.evaluate(DROP.format(name="two.png"))
    tab.wait("document.getElementById('photo-status').textContent.startsWith('step 100 of 100 · 500 Gaussians')")
    wanted = read_photograph(image).numbers

    def show(what):
        tab.evaluate(SET.format("photo-show", what, "change"))
        return _canvas(tab, "photo-canvas")

    photograph, drawn, error = show("photograph"), show("gaussians"), show("error")
    height, width = photograph.shape[0] // 20, photograph.shape[1] // 24
    middles = np.s_[height // 2 :: height, width // 2 :: width]
    assert np.abs(photograph[middles][:20, :24] - np.moveaxis(wanted, 0, -1)).max() <= 2
    assert 0 < np.abs(drawn - photograph).mean() < 10  # alike, and not the same
    assert error.max() > error.min()
    assert (error[..., 0] == error[..., 2]).all()  # grey
    tab.evaluate(CLICK.format("photo-ellipses"))
    assert (_canvas(tab, "photo-canvas") != error).any(axis=-1).mean() > 0.05
    tab.evaluate(CLICK.format("photo-ellipses"))
    show("photograph")
    tab.evaluate("document.getElementById('photo-canvas').focus()")
    for key in ("+", "+", "ArrowRight", "ArrowRight"):
        tab.press(key)
    assert tab.evaluate(TEXT.format("photo-zoom-output")) == "2.0\u00d7"
    zoomed = _canvas(tab, "photo-canvas")
    left = 24 / 2 / 10 * 2  # two tenths of the window
    x, y = 1 + left, 2.25  # in pixels of the photograph, within one
    place = int(2 * y * height), int(2 * (x - left) * width)
    assert np.abs(zoomed[place] - wanted[:, int(y), int(x)]).max() <= 2
    tab.press("-")
    assert tab.evaluate(TEXT.format("photo-zoom-output")) == "1.4\u00d7"


def _canvas(tab, name):
    """The colours of a canvas after its next frame, (height, width, 3)."""
    drawn = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    url = tab.evaluate(f"{drawn}.then(() => document.getElementById('{name}').toDataURL())")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))), int)[..., :3]


def test_everything_is_reached_and_moved_by_keys(page, tab):
    tab.evaluate("document.getElementById('tab-photograph').focus()")
    for part in ("points", "gaussian", "sampling", "photograph", "points"):
        tab.press("ArrowRight")
        tab.wait(f"!document.getElementById('{part}').hidden")
        assert tab.evaluate("document.activeElement.id") == f"tab-{part}"
    focused = []
    while "points-scatter" not in focused and len(focused) < 20:
        tab.press("Tab")
        focused.append(tab.evaluate("document.activeElement.id"))
    names = ["canvas", "loss", "target", "width", "tolerance", "view", "run", "scatter"]
    assert [name.partition("-")[2] for name in focused if name.startswith("points-")] == names  # no blur by this loss
    tab.evaluate("document.getElementById('points-canvas').focus()")
    before = _canvas(tab, "points-canvas")
    tab.press("PageDown")
    other = _canvas(tab, "points-canvas")
    assert (other != before).any()
    for _ in range(60):
        tab.press("ArrowLeft")
    edge = _canvas(tab, "points-canvas")
    assert (edge != other).any()
    tab.press("ArrowLeft")
    assert (_canvas(tab, "points-canvas") == edge).all()  # no farther than the edge
    tab.evaluate("location.hash = 'gaussian'; document.getElementById('gaussian-canvas').focus()")
    tab.wait("!document.getElementById('gaussian').hidden")
    tab.evaluate("document.getElementById('gaussian-canvas').focus()")
    tab.press("ArrowRight")
    tab.press("ArrowUp")
    tab.wait(f"{TEXT.format('gaussian-numbers')}.includes('[32.00, 31.00, ')")
    tab.evaluate("document.getElementById('gaussian-angle').focus()")
    angle = tab.evaluate(TEXT.format("gaussian-angle-output"))
    for _ in range(5):
        tab.press("ArrowRight")
    assert tab.evaluate(TEXT.format("gaussian-angle-output")) != angle


def test_the_theme_button_changes_the_colours_of_page_and_canvas(page, tab):
    tab.evaluate("location.hash = 'sampling'")
    tab.wait("!document.getElementById('sampling').hidden")

    def colours():
        return tab.evaluate("getComputedStyle(document.documentElement).backgroundColor"), _canvas(
            tab, "sampling-canvas"
        )

    (light, first), _ = colours(), tab.evaluate("document.getElementById('theme').focus()")
    tab.press("Enter")
    dark, second = colours()
    tab.press("Enter")
    again, third = colours()
    assert light == again != dark
    assert (first != second).any()
    assert (first == third).all()


def test_a_gaussian_turns_and_samples_move_with_their_noise_held(page, tab):
    tab.evaluate("location.hash = 'gaussian'")
    for name, value in (("along", "10"), ("across", "5"), ("angle", "0")):
        tab.evaluate(SET.format(f"gaussian-{name}", value, "input"))
    tab.wait(f"{TEXT.format('gaussian-numbers')}.includes('[31.50, 31.50, 100.00, 0.00, 25.00]')")
    tab.evaluate(SET.format("gaussian-correlation", "0.5", "input"))
    tab.wait(f"{TEXT.format('gaussian-numbers')}.includes('[10.000, 2.500, 4.330]')")
    tab.evaluate("location.hash = 'sampling'")
    noises = []
    for mean, log_variance, stddev in (("1", "0", 1.0), ("-2", "1", np.exp(0.5))):
        tab.evaluate(SET.format("sampling-mean", mean, "input"))
        tab.evaluate(SET.format("sampling-log-variance", log_variance, "input"))
        said = tab.wait(f"{_SAID}.includes('{stddev:.3f}Largest') && {_SAID}")
        noise, sample = re.search(r" · (\S+) = (\S+?)Its", said).groups()
        assert float(sample.replace("\u2212", "-")) == pytest.approx(float(mean) + stddev * float(noise), abs=2e-3)
        noises.append(noise)
    assert noises[0] == noises[1]
    tab.evaluate(CLICK.format("sampling-draw"))
    tab.wait(f"!{_SAID}.includes({noises[0]!r})")
