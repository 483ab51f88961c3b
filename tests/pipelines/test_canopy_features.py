import json

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import Affine, from_origin
from typer.testing import CliRunner

from geo.errors import GridMismatchError, RasterError, TableError
from models.canopy import CANOPY_METRICS, CANOPY_NAMES, canopy_metrics
from pipelines import canopy_features
from pipelines.canopy_features import FeatureRequest, make_features
from pipelines.cli import app
from store.canopy_rasters import CanopyFile, open_canopy
from store.feature_rasters import open_features

UTM = "EPSG:32650"


def heights(shape=(60, 83), seed=0):
    random = np.random.default_rng(seed)
    wide = random.uniform(0, 38, shape).astype(np.float32)
    wide[random.random(shape) < 0.1] = np.nan
    return wide


def write(path, values, **more):
    """Write a canopy height raster of 1 m cells."""
    told = {
        "dtype": values.dtype,
        "nodata": np.nan if values.dtype.kind == "f" else None,
        "crs": UTM,
        "transform": from_origin(5e5, 4e6, 1, 1),
    } | more
    units = told.pop("units", None)
    bands = values[None] if values.ndim == 2 else values
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=bands.shape[2],
        height=bands.shape[1],
        count=len(bands),
        **told,
    ) as target:
        target.write(bands)
        if units:
            target.units = (units,)
    return path


def request(path, out, **more):
    canopy = CanopyFile(str(path), **more.pop("canopy", {}))
    return FeatureRequest(canopy, out, **({"cell_m": 10.0} | more))


def test_a_raster_of_features_is_the_arrays_features(tmp_path):
    values = heights()
    path = write(tmp_path / "chm.tif", values)
    found = make_features(request(path, tmp_path / "f.tif"))
    with open_canopy(CanopyFile(str(path))) as raster:
        fine = raster.grid
    with rasterio.open(tmp_path / "f.tif") as written:
        assert written.descriptions == CANOPY_NAMES
        assert written.units == tuple(metric.unit for metric in CANOPY_METRICS)
        assert written.transform == from_origin(5e5, 4e6, 10, 10)
        assert (written.width, written.height) == (9, 6)
        coarse = fine.window(slice(0, 60), slice(0, 90))
        coarse = type(coarse)(UTM, 5e5, 4e6, 10.0, 9, 6)
        cells = np.where(canopy_features.spikes(values), np.nan, values)
        expected = canopy_metrics(cells, fine, coarse).to_numpy()
        np.testing.assert_allclose(
            written.read(masked=True).filled(np.nan), expected, atol=6e-5
        )
    assert found.places == 54
    assert found.seen == np.isfinite(expected[0]).sum() == 48  # a column 3 m wide
    with open_features(str(tmp_path / "f.tif"), CANOPY_NAMES[::-1]) as opened:
        assert opened.cells == 54


def test_strips_change_nothing(tmp_path, monkeypatch):
    """Spikes at the border of strips know their neighbours."""
    values = np.full((80, 20), 8.0, np.float32)
    values[9, 5] = values[10, 12] = values[40, 3] = 60.0
    path = write(tmp_path / "chm.tif", values)
    whole = make_features(request(path, tmp_path / "1.tif"))
    cut = canopy_features.strips
    monkeypatch.setattr(
        canopy_features, "strips", lambda fine, coarse: cut(fine, coarse, cells=1)
    )
    strips = make_features(request(path, tmp_path / "2.tif"))
    assert whole.fine.spikes == strips.fine.spikes == 3
    with (
        rasterio.open(tmp_path / "1.tif") as written,
        rasterio.open(tmp_path / "2.tif") as other,
    ):
        np.testing.assert_array_equal(written.read(), other.read())
        assert written.read(1).max() == 8.0
        assert written.tags()["SPIKES"] == "3"


def test_on_the_grid_of_another_raster(tmp_path):
    path = write(tmp_path / "chm.tif", heights())
    write(
        tmp_path / "like.tif",
        np.zeros((4, 4), np.float32),
        transform=from_origin(5e5 - 20, 4e6 + 20, 20, 20),
    )
    found = make_features(
        request(path, tmp_path / "f.tif", cell_m=None, like=str(tmp_path / "like.tif"))
    )
    assert (found.places, found.seen) == (16, 9)
    write(tmp_path / "like.tif", np.zeros((4, 4), np.float32), crs="EPSG:32651")
    with pytest.raises(GridMismatchError, match="32651"):
        make_features(
            request(
                path, tmp_path / "g.tif", cell_m=None, like=str(tmp_path / "like.tif")
            )
        )
    assert not (tmp_path / "g.tif").exists()


def test_plots_by_outline_and_by_area(tmp_path):
    values = heights(seed=4)
    path = write(tmp_path / "chm.tif", values)
    table = tmp_path / "plots.csv"
    box = "POLYGON ((500010 3999990, 500020 3999990, 500020 3999980, 500010 3999980))"
    box = box.replace("3999980))", "3999980, 500010 3999990))")
    table.write_text(
        f'plot_id,outline,agb_t_ha\na,"{box}",12.5\n'
        'far,"POLYGON ((0 0, 1 0, 1 1, 0 0))",3\n',
        encoding="utf-8",
    )
    found = make_features(
        request(path, tmp_path / "f.csv", cell_m=None, plots=str(table))
    )
    assert (found.places, found.seen) == (2, 1)
    rows = pd.read_csv(tmp_path / "f.csv")
    assert rows["agb_t_ha"].tolist() == [12.5, 3]
    with open_canopy(CanopyFile(str(path))) as raster:
        fine = raster.grid
    cell = type(fine)(UTM, 500010, 3999990, 10.0, 1, 1)
    expected = canopy_metrics(values, fine, cell).to_numpy()[:, 0, 0]
    np.testing.assert_allclose(rows.loc[0, list(CANOPY_NAMES)], expected, atol=6e-5)
    assert rows.loc[1, list(CANOPY_NAMES)].isna().all()
    table.write_text("plot_id,x,y,area_ha\nb,500015,3999985,0.01\n", encoding="utf-8")
    asked = request(
        path, tmp_path / "g.csv", cell_m=None, plots=str(table), shape="square"
    )
    make_features(asked)
    again = pd.read_csv(tmp_path / "g.csv")
    np.testing.assert_array_equal(
        again.loc[0, list(CANOPY_NAMES)], rows.loc[0, list(CANOPY_NAMES)]
    )


def test_centimetres_and_a_mask_are_read_as_they_are_declared(tmp_path):
    codes = np.array([[0, 1200], [65535, 3000]], np.uint16)
    path = write(tmp_path / "chm.tif", codes, nodata=65535)
    with rasterio.open(path, "r+") as target:
        target.scales = (0.01,)
    with open_canopy(CanopyFile(str(path))) as raster:
        found = raster.read(slice(0, 2))
    np.testing.assert_allclose(found, [[0, 12], [np.nan, 30]])


@pytest.mark.parametrize(
    ("more", "fragment"),
    [
        ({"crs": None}, "no coordinate reference system"),
        ({"crs": "EPSG:4326", "transform": from_origin(117, 30, 1e-5, 1e-5)}, "metres"),
        ({"crs": "EPSG:2249"}, "metres"),
        ({"transform": Affine(1, 0.2, 5e5, 0.2, -1, 4e6)}, "north up"),
        ({"transform": Affine(1, 0, 5e5, 0, 1, 4e6)}, "north up"),
        ({"transform": Affine(1, 0, 5e5, 0, -2, 4e6)}, "square"),
        ({"transform": Affine.identity()}, "geotransform"),
        ({"units": "ft"}, "ft"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_rasters_that_say_too_little_or_lie_askew(tmp_path, more, fragment):
    """faults.md R05, R07, R09."""
    path = write(tmp_path / "chm.tif", heights(), **more)
    with pytest.raises(RasterError, match=fragment) as caught:
        make_features(request(path, tmp_path / "f.tif"))
    assert caught.value.zh
    assert caught.value.where["file"].endswith("chm.tif")
    assert not (tmp_path / "f.tif").exists()


def test_a_declared_crs_is_for_files_without_one(tmp_path):
    path = write(tmp_path / "chm.tif", heights(), crs=None)
    make_features(request(path, tmp_path / "f.tif", canopy={"crs": UTM}))
    with rasterio.open(tmp_path / "f.tif") as written:
        assert written.crs.to_epsg() == 32650
    path = write(tmp_path / "chm.tif", heights())
    with pytest.raises(RasterError, match="not in EPSG:32651"):
        make_features(request(path, tmp_path / "f.tif", canopy={"crs": "EPSG:32651"}))
    with pytest.raises(RasterError, match="no known"):
        make_features(request(path, tmp_path / "f.tif", canopy={"crs": "EPSG:1"}))


def test_whole_numbers_need_a_nodata_value(tmp_path):
    """faults.md R12: a border of 0 is not bare ground."""
    path = write(tmp_path / "chm.tif", np.full((20, 20), 9, np.uint8))
    with pytest.raises(RasterError, match="declares no nodata"):
        make_features(request(path, tmp_path / "f.tif"))
    make_features(request(path, tmp_path / "f.tif", canopy={"nodata": 0.0}))


@pytest.mark.parametrize(
    ("values", "fragment"),
    [
        (np.full((20, 20), 812.0, np.float32), "100 % of the heights"),
        (np.full((20, 20), -9999.0, np.float32), "undeclared nodata"),
        (np.full((20, 20), np.nan, np.float32), "no height at all"),
        (np.zeros((3, 20, 20), np.float32), "3 bands"),
    ],
)
def test_what_is_no_canopy_height(tmp_path, values, fragment):
    """faults.md R11, R13: elevations, undeclared nodata, nothing, an orthomosaic."""
    path = write(tmp_path / "chm.tif", values)
    with pytest.raises(RasterError, match=fragment) as caught:
        make_features(request(path, tmp_path / "f.tif"))
    assert caught.value.zh
    assert list(tmp_path.iterdir()) == [path]


def test_a_few_impossible_heights_are_counted(tmp_path):
    values = np.full((40, 40), 9.0, np.float32)
    values[3, 3], values[5, 5], values[7, 7] = np.inf, 4000.0, -0.6
    path = write(tmp_path / "chm.tif", values)
    found = make_features(request(path, tmp_path / "f.tif"))
    assert found.fine.impossible == 1
    assert found.fine.heights == 1599  # an infinity is none
    with rasterio.open(tmp_path / "f.tif") as written:
        assert written.read(1).max() == 9.0


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("plot_id,x,y\na,1,2\n", "area_ha"),
        ("plot_id,x,y,area_ha\na,one,2,0.1\n", "one"),
        ("plot_id,outline\na,POINT (1 2)\n", "no polygon"),
        ("plot_id,outline\na,here\n", "no polygon"),
    ],
)
def test_plots_without_a_place(tmp_path, content, fragment):
    path = write(tmp_path / "chm.tif", heights())
    table = tmp_path / "plots.csv"
    table.write_text(content, encoding="utf-8")
    with pytest.raises(TableError, match=fragment):
        make_features(request(path, tmp_path / "f.csv", cell_m=None, plots=str(table)))


def test_by_the_command(tmp_path):
    path = write(tmp_path / "chm.tif", heights())
    words = ["features", "--chm", str(path), "--cell", "20", "--json"]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "f.tif")])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["places"] == 15
    assert [one["name"] for one in told["features"]] == list(CANOPY_NAMES)
    for wrong, out in (
        (["--plots", "p.csv"], "f.tif"),
        ([], "f.png"),
    ):
        done = CliRunner().invoke(app, [*words, *wrong, "--out", out])
        assert done.exit_code == 2
    done = CliRunner().invoke(app, [*words[:-3], "--cell", "0", "--out", "f.tif"])
    assert isinstance(done.exception, RasterError)
