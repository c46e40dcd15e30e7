"""Tables of spots: whatever program wrote them, they say the same; drawn as wide as the places are uncertain."""

import csv
import json
import re

import numpy as np
import pytest

from gaussgrad.files.tables import read_table
from gaussgrad.spots import SpotTable, compare, draw, formats
from gaussgrad.spots.reading import is_spots, read_spots

SPOTS = SpotTable(
    frame=np.array([0, 2]),
    means=np.array([[4.25, 7.0], [10.0, 2.5]]),
    covariances=np.array([[1.44, 0.0, 1.44], [1.69, 0.0, 1.69]]),
    photons=np.array([500.0, 800.0]),
    background=np.array([4.0, 9.0]),
    mean_stddevs=np.array([[0.08, 0.08], [0.05, 0.05]]),
    photons_stddev=np.array([30.0, 40.0]),
    deviance=np.array([1.0, 1.1]),
)
TEXTS = {
    "ours": "frame,x,y,xx,xy,yy,photons,background,x_stddev,y_stddev\n"
    "0,4.25,7,1.44,0,1.44,500,4,0.08,0.08\n2,10,2.5,1.69,0,1.69,800,9,0.05,0.05\n",
    "ThunderSTORM's": '"id","frame","x [nm]","y [nm]","sigma [nm]","intensity [photon]","offset [photon]",'
    '"bkgstd [photon]","uncertainty_xy [nm]"\n1,1,475,750,120,500,4,2,8\n2,3,1050,300,130,800,9,3,5\n',
    "ThunderSTORM's of old, which counts from 0": "frame;x [nm];y [nm];sigma1 [nm];sigma2 [nm];intensity [photon];"
    "offset [photon];uncertainty [nm]\n0;475,0;750;120;120;500;4;8\n2;1050;300;130;130;800;9;5\n",
    "Picasso's": ",frame,x,y,photons,sx,sy,bg,lpx,lpy,ellipticity,net_gradient\n"
    "0,0,4.25,7.0,500,1.2,1.2,4,0.08,0.08,0,9\n1,2,10,2.5,800,1.3,1.3,9,0.05,0.05,0,9\n",
    "tabs and a sign of NumPy": "# frame\tx\ty\tsigma\tphotons\tbackground\tx_stddev\ty_stddev\n"
    "0\t4.25\t7\t1.2\t500\t4\t0.08\t0.08\n2\t10\t2.5\t1.3\t800\t9\t0.05\t0.05\n",
    "an index written twice": ",Unnamed: 0,frame,x,y,sigma,photons,background,x_stddev,y_stddev\n"
    "0,0,0,4.25,7,1.2,500,4,0.08,0.08\n1,1,2,10,2.5,1.3,800,9,0.05,0.05\n",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_tables_of_every_program_say_the_same(tmp_path, kind):
    path = tmp_path / "t.csv"
    path.write_text(TEXTS[kind])
    assert is_spots(read_table(path))
    read = read_spots(path, pixel_size=100.0).in_pixels().table
    for name in SpotTable._fields[:-2]:
        np.testing.assert_allclose(getattr(read, name), getattr(SPOTS, name), rtol=1e-12, err_msg=name)


def test_a_file_beside_the_table_tells_unit_pixel_size_and_frame(tmp_path):
    (tmp_path / "t.csv").write_text("frame,x,y\n0,425,700\n")
    (tmp_path / "t.units.json").write_text(
        json.dumps({"units": {"x": "nm"}, "pixel_size_nm": 100.0, "size_pixels": [20, 30]})
    )
    read = read_spots(tmp_path / "t.csv")
    assert (read.unit, read.pixel_size, read.size) == ("nm", 100.0, (20, 30))
    np.testing.assert_allclose(read.in_pixels().table.means, [[4.25, 7.0]])


REFUSED = {
    "no pixel size": ("frame,x [nm],y [nm]\n1,2,3\n", "t.csv must be a table whose pixel size is known"),
    "no x": ("frame,z,y\n1,2,3\n", "the columns frame, z, y, without x"),
    "no number": ("frame;x;y\n1;2;3\n1;two;3\n", "numbers in column x; got 'two' in line 3"),
    "not finite": ("frame,x,y\n1,2,3\n1,nan,3\n", "t.csv, line 3 must be of finite numbers in column x; got nan"),
    "half a frame": ("frame,x,y\n1.5,2,3\n", "t.csv, line 2 must be of whole numbers from 0 in column frame; got 1.5"),
    "two units": ("frame,x [nm],y [px]\n1,2,3\n", "a table of one unit of length; got nm and px"),
    "a short row": ("frame\tx\ty\n1\t2\t3\n1\t2\n", "3 columns in every row; got 2 in line 3"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_table_that_says_no_spots_is_refused_by_file_and_line(tmp_path, kind):
    text, said = REFUSED[kind]
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=re.escape(said)) as refusal:
        read_spots(tmp_path / "t.csv")
    assert "\n" not in str(refusal.value)


def test_damaged_units_are_refused_by_their_file(tmp_path):
    (tmp_path / "t.csv").write_text("frame,x,y\n0,425,700\n")
    for content in ('{"units": {"x": "mile"}}', "[]", "{", '{"units": {"x": "nm"}, "pixel_size_nm": -1}'):
        (tmp_path / "t.units.json").write_text(content)
        with pytest.raises(ValueError, match=r"t\.units\.json must be the units of a table"):
            read_spots(tmp_path / "t.csv")


def moments(picture):
    """Sum, mean (x, y) and variances (x, y) of a picture."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    total = picture.sum()
    means = np.array([(picture * x).sum(), (picture * y).sum()]) / total
    return (
        total,
        means,
        np.array([(picture * (x - means[0]) ** 2).sum(), (picture * (y - means[1]) ** 2).sum()]) / total,
    )


@pytest.mark.parametrize(("widths", "total", "stddev"), [("errors", 1.0, 0.05), ("light", 800.0, 1.3), (0.4, 1.0, 0.4)])
def test_a_spot_is_drawn_where_it_is_as_wide_as_asked(widths, total, stddev):
    scale = 16.0
    picture = draw(SPOTS.chosen(np.array([1])), size=(12, 20), scale=scale, widths=widths)
    assert picture.shape == (192, 320)
    found = moments(picture)
    assert found[0] == pytest.approx(total, rel=0.03)  # two of three stddevs of the light are in the frame
    if widths != "light":
        np.testing.assert_allclose((found[1] + 0.5) / scale - 0.5, SPOTS.means[1], atol=1e-6)
        np.testing.assert_allclose(found[2], (stddev * scale) ** 2 + 1 / 12, rtol=0.01)  # with the width of a pixel


def test_a_spot_without_a_width_is_not_drawn():
    unknown = SPOTS._replace(mean_stddevs=np.array([[0.1, 0.1], [np.nan, 0.1]]))
    with pytest.raises(ValueError, match=r"the errors of table must be finite and above 0; got .* at spot 1"):
        draw(unknown, size=(12, 20))


def test_efficiency_and_bound_are_those_of_the_field():
    frame = np.zeros(4, int)
    truth = np.array([[5.0, 5.0], [20.0, 9.0], [30.0, 30.0], [50.0, 9.0]])
    found = truth[:3] + np.array([[0.3, 0.4], [-0.3, 0.4], [0.3, -0.4]])
    result = compare(frame[:3], found, frame, truth, tolerance=2.5, mean_stddevs=np.full((3, 2), 0.25))
    assert result.jaccard == 0.75
    assert result.efficiency(pixel_size=80.0) == pytest.approx(100 - np.hypot(25.0, 40.0))
    assert result.rmse_over_bound == pytest.approx(0.5 / np.hypot(0.25, 0.25))


@pytest.mark.parametrize("form", ["gaussgrad", "thunderstorm", "picasso"])
@pytest.mark.parametrize("pixel_size", [100.0, 87.3])
def test_every_format_reads_back(tmp_path, form, pixel_size):
    with (tmp_path / "t.csv").open("w", newline="") as file:
        formats.write_header(file, form)
        csv.writer(file).writerows(formats.rows(SPOTS, form, pixel_size=pixel_size))
    if form == "gaussgrad":
        (tmp_path / "t.units.json").write_text(json.dumps({"units": formats.units_of("nm")}))
    read = read_spots(tmp_path / "t.csv", pixel_size=pixel_size).in_pixels().table
    for name in SpotTable._fields[:6]:
        np.testing.assert_allclose(getattr(read, name), getattr(SPOTS, name), rtol=1e-6, err_msg=name)


def test_thunderstorm_counts_from_one_and_from_the_corner_and_picasso_does_not():
    (first, _), (second, _) = (
        list(formats.rows(SPOTS, form, pixel_size=100.0)) for form in ("thunderstorm", "picasso")
    )
    assert first[:4] == ["1", "1", "475", "750"]
    assert second[:3] == ["0", "4.25", "7"]
