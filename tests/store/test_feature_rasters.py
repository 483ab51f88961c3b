import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from geo.errors import ModelError, RasterError, UnsafePathError
from store import feature_rasters
from store.feature_rasters import Bands, Written, open_features, write_predicted

TOLD = Written(("agb", "agb_sd", "in_domain"), "t/ha", {"MODEL": "abc"})


@pytest.fixture
def raster(tmp_path):
    path = tmp_path / "f.tif"
    values = np.arange(2 * 40 * 30, dtype=np.int16).reshape(2, 40, 30)
    values[1, 3, 4] = -1
    profile = {
        "driver": "GTiff",
        "width": 30,
        "height": 40,
        "count": 2,
        "dtype": "int16",
        "nodata": -1,
        "crs": "EPSG:32650",
        "transform": from_origin(500_000, 4_000_000, 20, 20),
        "tiled": True,
        "blockxsize": 16,
        "blockysize": 16,
    }
    with rasterio.open(path, "w", **profile) as target:
        target.write(values)
        target.descriptions = ("ndvi", "h95")
        target.scales, target.offsets = (1e-4, 1.0), (0.5, 0.0)
    return path


def _sum(features):
    mean = features.sum(axis=0)
    domain = np.where(np.isnan(mean), 255, 1).astype(np.uint8)
    return Bands(mean, mean / 10, domain)


def test_features_come_by_name_in_their_units(raster):
    with open_features(str(raster), ("h95", "ndvi")) as features:
        ((_, values),) = features.parts()
        sample = features.sample()
    assert values.dtype == np.float32
    assert values[0, 0, :2].tolist() == [1200, 1201]
    assert values[1, 0, 1] == pytest.approx(0.5001)
    assert np.isnan(values[0, 3, 4])
    assert np.isfinite(values).sum() == values.size - 1
    assert sample.shape[0] == 2


def test_a_map_has_the_place_of_its_features_however_it_is_cut(
    raster, tmp_path, monkeypatch
):
    outs = []
    for cells in (1, 1 << 21):
        monkeypatch.setattr(feature_rasters, "_CELLS", cells)
        out = tmp_path / f"{cells}.tif"
        with open_features(str(raster), ("ndvi", "h95")) as features:
            write_predicted(out, features, _sum, told=TOLD, finish=lambda: {"N": "1"})
        outs.append(out)
    with rasterio.open(outs[0]) as one, rasterio.open(outs[1]) as other:
        np.testing.assert_array_equal(one.read(), other.read())
        assert one.transform == from_origin(500_000, 4_000_000, 20, 20)
        assert one.crs.to_epsg() == 32650
        assert one.descriptions == TOLD.names
        assert one.units == ("t/ha", "t/ha", "1")
        assert one.tags()["MODEL"] == "abc"
        assert one.tags()["N"] == "1"
        values = one.read()
    assert values[:, 3, 4].tolist() == [-9999] * 3
    assert values[0, 0, 1] == np.float32(1201.5)  # 0.5001 + 1201, to 0.01 t/ha
    assert set(np.unique(values[2])) == {-9999.0, 1.0}


@pytest.mark.parametrize(
    ("names", "fragment"),
    [(("ndvi", "vv"), "lacks vv"), (("ndvi",) * 2, None)],
)
def test_bands_that_are_not_the_features(raster, names, fragment):
    if fragment is None:
        with rasterio.open(raster, "r+") as target:
            target.descriptions = ("ndvi", "ndvi")
        fragment = "has ndvi twice"
    with (
        pytest.raises(RasterError, match=fragment) as caught,
        open_features(str(raster), names),
    ):
        pass
    assert caught.value.zh


def test_bands_without_names_are_refused(raster):
    with rasterio.open(raster, "r+") as target:
        target.descriptions = (None, None)
    with (
        pytest.raises(RasterError, match="no name"),
        open_features(str(raster), ("ndvi", "h95")),
    ):
        pass
    with pytest.raises(UnsafePathError), open_features("/vsicurl/x.tif", ("a",)):
        pass


def test_a_map_that_is_refused_at_the_end_is_not_there(raster, tmp_path):
    def refuse():
        raise ModelError("No.", zh="不。")

    with (
        open_features(str(raster), ("ndvi", "h95")) as features,
        pytest.raises(ModelError, match="No"),
    ):
        write_predicted(tmp_path / "out.tif", features, _sum, told=TOLD, finish=refuse)
    assert [path.name for path in tmp_path.iterdir()] == ["f.tif"]
