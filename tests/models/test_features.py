import numpy as np
import pytest
import xarray as xr

from geo.errors import ModelError
from geo.layers import REFLECTANCE
from models.features import (
    FEATURE_NAMES,
    FEATURES,
    feature_stack,
    feature_values,
    features_from,
    features_of_table,
    schema,
    schema_digest,
)

ALL = [band.name for band in REFLECTANCE]
BANDS = ["blue", "green", "red", "nir", "nir08", "swir16"]


@pytest.fixture
def composite():
    values = np.empty((6, 2, 2), dtype=np.float32)
    for i, value in enumerate((0.02, 0.04, 0.05, 0.35, 0.40, 0.20)):
        values[i] = value
    values[:, 0, 1] = np.nan
    values[2, 1, 0] = 0.35  # red as bright as near infrared: NDVI 0
    return xr.DataArray(values, dims=("band", "y", "x"), coords={"band": BANDS})


@pytest.mark.parametrize("feature", FEATURES, ids=FEATURE_NAMES)
def test_every_feature_says_what_it_is(feature):
    assert feature.unit
    assert feature.title
    assert feature.title_zh
    assert feature.valid_range[0] < feature.valid_range[1]
    assert set(feature.bands) <= set(ALL)


def test_features_by_hand(composite):
    stack = feature_stack(composite)
    assert stack.dims == ("feature", "y", "x")
    assert stack.dtype == np.float32
    assert list(stack["feature"].to_numpy()) == [*BANDS, "ndvi", "ndmi"]
    ndvi, ndmi = stack.sel(feature="ndvi"), stack.sel(feature="ndmi")
    expected = [[0.30 / 0.40, np.nan], [0.0, 0.30 / 0.40]]
    np.testing.assert_allclose(ndvi, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(ndmi[1], [0.2 / 0.6, 0.2 / 0.6], rtol=1e-6)


def test_dask_says_what_numpy_says(composite):
    lazy = feature_stack(composite.chunk(y=1, x=1))
    assert lazy.chunks
    xr.testing.assert_identical(lazy.compute(), feature_stack(composite))


def test_a_dataset_of_bands_gives_the_same(composite):
    dataset = composite.to_dataset("band")
    np.testing.assert_array_equal(feature_stack(dataset), feature_stack(composite))


def test_a_table_of_cells_gives_the_same(composite):
    table = features_of_table(composite.to_numpy().reshape(6, -1).T, BANDS)
    stack = feature_stack(composite).to_numpy().reshape(len(BANDS) + 2, -1)
    np.testing.assert_array_equal(table, stack.T.astype(np.float64))


def test_a_block_of_cells_gives_the_same(composite):
    values = feature_values(composite.to_numpy(), BANDS)
    np.testing.assert_array_equal(values, feature_stack(composite))
    assert values.dtype == np.float32


def test_what_a_sensor_sees_decides_which_features_there_are(composite):
    assert features_from(ALL) == FEATURE_NAMES
    assert features_from(BANDS) == (*BANDS, "ndvi", "ndmi")
    four = ["swir16", "nir08", "nir", "red"]
    assert features_from(four) == ("red", "nir", "nir08", "swir16", "ndvi", "ndmi")
    fewer = feature_stack(composite.sel(band=four))
    assert tuple(fewer["feature"].to_numpy()) == features_from(four)
    same = feature_stack(composite).sel(feature=list(features_from(four)))
    np.testing.assert_array_equal(fewer, same)


def test_the_order_of_the_bands_does_not_matter(composite):
    turned = composite.isel(band=[5, 3, 1, 0, 2, 4])
    np.testing.assert_array_equal(feature_stack(turned), feature_stack(composite))


def test_an_impossible_value_is_no_measurement(composite):
    composite[0, 0, 0] = 7.0  # R14: digital numbers taken for reflectance
    stack = feature_stack(composite)
    assert np.isnan(stack.sel(feature="blue")[0, 0])
    assert np.isfinite(stack.sel(feature="green")[0, 0])


def test_a_missing_band_is_named(composite):
    with pytest.raises(ModelError, match="swir16") as caught:
        feature_stack(composite.sel(band=BANDS[:5]))
    assert "波段" in caught.value.zh


def test_the_digest_knows_order_and_meaning():
    assert schema_digest(FEATURE_NAMES) == schema_digest(list(FEATURE_NAMES))
    assert schema_digest(("red", "nir")) != schema_digest(("nir", "red"))
    assert schema(("ndvi",)) == [
        {"name": "ndvi", "unit": "1", "valid_range": [-1.0, 1.0]}
    ]
    with pytest.raises(ModelError, match="height"):
        schema(("height",))
