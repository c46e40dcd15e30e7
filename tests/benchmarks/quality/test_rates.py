"""Bits and decibels of files: those of the whole file against the photograph, and a figure of them."""

import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality import rates
from gaussgrad import metrics


@pytest.fixture(scope="module")
def image():
    y, x = np.mgrid[:24, :32]
    return np.stack((4 * x, 200 - 5 * y, 128 + 60 * np.sin(x / 3))).astype(np.uint8)


def test_a_file_of_pillow_counts_with_all_its_bytes(image):
    file = io.BytesIO()
    Image.fromarray(np.moveaxis(image, 0, -1)).save(file, "JPEG", quality=50)
    point = rates.of_pillow(image, "JPEG", 50)
    assert point.bits == 8 * len(file.getvalue()) / (24 * 32)
    again = np.moveaxis(np.asarray(Image.open(file)), -1, 0)
    assert point.psnr == pytest.approx(-10 * np.log10(np.mean((image / 255 - again / 255) ** 2)))
    assert point.ssim == metrics.ssim(image, again, 255)


def test_more_gaussians_are_more_bits_and_decibels(image):
    few, more = (rates.of_gaussians(image, n, 30) for n in (4, 40))
    assert few.bits < more.bits
    assert few.psnr < more.psnr


def test_the_table_and_the_figure_have_every_point(image, tmp_path, monkeypatch):
    monkeypatch.setattr(rates, "QUALITIES", (10, 90))
    monkeypatch.setattr(rates, "of_gaussians", lambda image, n, steps: rates.Point(n / 1000, 30.0 + steps, 0.9))
    curves = tuple(rates.measure([image, image], (500, 2000), 1))
    lines = rates.table(curves).splitlines()
    assert lines[2:4] == [
        "| Gaussians | n 500 | 0.500 | 31.00 | 0.900 |",
        "| Gaussians | n 2,000 | 2.000 | 31.00 | 0.900 |",
    ]
    assert [line.split("|")[1:3] for line in lines[4:]] == [
        [f" {name} ", f" quality {quality} "] for name in ("JPEG", "WebP") for quality in (10, 90)
    ]
    rates.draw(curves, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as figure:
        assert figure.size == (704, 440)
