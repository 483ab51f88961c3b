import numpy as np
import pytest
import xarray as xr

from geo.errors import RasterError
from geo.indices import INDICES, index
from geo.layers import REFLECTANCE


def picture(**bands):
    values = np.array([np.atleast_2d(band) for band in bands.values()], np.float32)
    return xr.DataArray(
        values,
        dims=("band", "y", "x"),
        coords={"band": list(bands)},
        attrs={"nodata": -32768},
    )


@pytest.mark.parametrize(
    ("name", "bands", "expected"),
    [
        ("ndvi", {"nir": 0.4, "red": 0.1}, 0.6),
        ("ndmi", {"nir08": 0.3, "swir16": 0.1}, 0.5),
        ("evi2", {"nir": 0.4, "red": 0.1}, 2.5 * 0.3 / 1.64),
    ],
)
def test_by_hand(name, bands, expected):
    result = index(name, picture(**bands))
    assert result.item() == pytest.approx(expected, rel=1e-6)
    assert result.dtype == np.float32
    assert result.dims == ("y", "x")
    assert result.name == name
    assert result.attrs == {}


def test_what_is_unseen_or_undefined_is_nan():
    red = [0.1, np.nan, 0.0, -0.02, -0.01]
    nir = [0.1, 0.3, 0.0, 0.01, 0.3]
    result = index("ndvi", picture(nir=nir, red=red)).values[0]
    np.testing.assert_array_equal(result, [0.0, np.nan, np.nan, np.nan, 1.0])


def test_dask_says_what_numpy_says():
    generator = np.random.default_rng(1)
    reflectance = picture(
        **{band.name: generator.uniform(-0.01, 0.6, (9, 7)) for band in REFLECTANCE}
    )
    for name in INDICES:
        lazy = index(name, reflectance.chunk(y=4, x=3))
        assert lazy.chunks
        xr.testing.assert_identical(lazy.compute(), index(name, reflectance))


def test_a_missing_band_is_named():
    with pytest.raises(RasterError, match="ndmi needs the band swir16"):
        index("ndmi", picture(nir08=0.3))


@pytest.mark.parametrize("recipe", INDICES.values(), ids=INDICES)
def test_every_index_says_what_it_is(recipe):
    assert set(recipe.bands) <= {band.name for band in REFLECTANCE}
    assert recipe.title_zh
    assert recipe.reference
    assert all(band in recipe.formula for band in recipe.bands)
