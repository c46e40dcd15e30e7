"""The page in a headless Chromium: drop, fit, drag, save, reopen, and no error on its console."""

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
    tab.evaluate(CLICK.format("points-run"))


def test_a_gaussian_turns_and_samples_move_with_their_noise_held(page, tab):
    tab.evaluate("location.hash = 'gaussian'")
    for name, value in (("along", "10"), ("across", "5"), ("angle", "0")):
        tab.evaluate(SET.format(f"gaussian-{name}", value, "input"))
    tab.wait(f"{TEXT.format('gaussian-numbers')}.includes('[31.50, 31.50, 100.00, 0.00, 25.00]')")
    tab.evaluate(SET.format("gaussian-correlation", "0.5", "input"))
    tab.wait(f"{TEXT.format('gaussian-numbers')}.includes('[10.000, 2.500, 4.330]')")
    tab.evaluate("location.hash = 'sampling'")
    tab.evaluate(SET.format("sampling-log-variance", "0", "input"))
    tab.wait(f"{TEXT.format('sampling-numbers')}.includes('1.000Largest sample')")
