"""The speed of the page to play with, in a headless Chromium: `python -m benchmarks.page`.

Steps a second of a fit beside the PSNR of Python after as many steps, and frames a second while a point is dragged.
"""

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.browser import Tab, executable, opened
from gaussgrad.fitting import fit_image
from gaussgrad.fitting.sessions.photograph import china
from gaussgrad.play import server

SIDE, N, STEPS, SECONDS = 128, 500, 500, 4
DRAG = """new Promise((done) => {
  const canvas = document.getElementById("points-canvas");
  const box = canvas.getBoundingClientRect();
  const send = (kind, at) => canvas.dispatchEvent(new PointerEvent(kind, {
    clientX: box.left + box.width * at[0], clientY: box.top + box.height * at[1], pointerId: 1, bubbles: true }));
  canvas.setPointerCapture = () => {};
  send("pointerdown", [START_X, START_Y]);
  const began = performance.now();
  let frames = 0;
  const next = () => {
    const turn = frames++ / 20;
    send("pointermove", [0.5 + 0.3 * Math.cos(turn), 0.5 + 0.3 * Math.sin(turn)]);
    const passed = (performance.now() - began) / 1000;
    if (passed < SECONDS) requestAnimationFrame(next);
    else { send("pointerup", [0.5, 0.5]); done(frames / passed); }
  };
  requestAnimationFrame(next);
})"""


def main() -> int:
    argparse.ArgumentParser(description=__doc__.partition(":")[0]).parse_args()
    if executable() is None:
        print("Chromium is missing here.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "china.png"
        small = Image.fromarray(np.moveaxis(china(), 0, -1)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        small.save(image)
        wanted = fit_image(np.moveaxis(np.asarray(small), -1, 0), N, steps=STEPS).psnr
        with server.start(image) as serving, opened(Path(folder)) as tab:
            threading.Thread(target=serving.serve_forever, daemon=True).start()
            print(f"{N} Gaussians, {SIDE} x {SIDE} RGB, {STEPS} steps; PSNR in Python {wanted:.2f} dB")
            print(measure_fit(tab, server.address(serving, image)))
            for loss in ("squared", "blurred", "energy"):
                print(f"dragging, {loss}: {measure_drag(tab, loss):.1f} frames a second")
            serving.shutdown()
    return 0


def measure_fit(tab: Tab, address: str) -> str:
    """What the page says after a fit from the beginning, and steps a second by the clock on the wall."""
    tab.open(address)
    tab.evaluate("document.documentElement.dataset.fitted = false, document.getElementById('photo-fit').click()")
    began = time.perf_counter()
    tab.wait("document.documentElement.dataset.fitted === 'true'")
    seconds = time.perf_counter() - began
    said = tab.evaluate("document.getElementById('photo-status').textContent")
    return f"page: {said}; {STEPS / seconds:.0f} by the clock on the wall, drawing included"


def measure_drag(tab: Tab, loss: str) -> float:
    """Frames a second while one point moves in a circle."""
    tab.evaluate("location.hash = 'points'")
    tab.wait("!document.getElementById('points').hidden")
    choose = "(() => {{ const e = document.getElementById('points-loss'); e.value = '{}'; "
    tab.evaluate(choose.format(loss) + "e.dispatchEvent(new Event('change')); })()")
    first = tab.evaluate("import('/parts/pulls.js').then(({ FIRST, scattered }) => [...scattered(FIRST)])")
    places = {"START_X": first[0] / 256, "START_Y": first[1] / 256, "SECONDS": SECONDS}
    script = DRAG
    for name, value in places.items():
        script = script.replace(name, str(value))
    return tab.evaluate(script)


if __name__ == "__main__":
    sys.exit(main())
