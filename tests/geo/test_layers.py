import numpy as np
import pytest

from geo.layers import LAYERS, REFLECTANCE, STATUSES, VERDICTS, Band, Layer
from geo.parcels import COLUMNS


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_every_layer_says_what_it_is(layer):
    assert layer.title
    assert layer.title_zh
    for band in layer.bands:
        assert band.unit
        assert band.title_zh
        assert band.valid_range[0] < band.valid_range[1]
        assert (
            not band.valid_range[0] <= band.nodata * band.scale <= band.valid_range[1]
        )


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_every_band_that_is_published_can_be_drawn(layer):
    for band in layer.bands:
        assert not (band.ramp and band.classes)
        assert band.ramp or band.classes or not layer.published
        stops = [value for value, _ in band.ramp]
        assert stops == sorted(set(stops))


def test_a_layer_has_the_bands_that_a_region_sees():
    seen = LAYERS["composite"].seen_in(["nir", "red"])
    assert seen.band_names == ("red", "nir", "clear_count")
    assert LAYERS["composite"].seen_in(b.name for b in REFLECTANCE).bands == (
        LAYERS["composite"].bands
    )
    assert LAYERS["cover"].seen_in([]) == LAYERS["cover"]


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_what_is_possible_fits_the_type_that_it_is_stored_in(layer):
    for band in layer.bands:
        if band.dtype == "int16":
            limits = np.array(band.valid_range) / band.scale
            assert (abs(limits) <= 32767).all(), band.name


def test_a_layer_is_one_file_of_one_type():
    one = Band("a", "a", "甲", "1", "int16", -1, (0, 1), ramp=((0, "#000000"),))
    two = Band("b", "b", "乙", "1", "float32", -1, (0, 1), ramp=((0, "#000000"),))
    with pytest.raises(ValueError, match="One file holds one type"):
        Layer("x", "x", "某", "year", (one, two))


def test_parcel_columns_are_named_once_with_units():
    names = [column.name for column in COLUMNS]
    assert len(names) == len(set(names))
    for column in COLUMNS:
        assert column.title_zh
        if column.name.endswith(("_t", "_ha", "_pct", "_km", "_yr")):
            assert column.unit
    assert len({code for code, *_ in VERDICTS}) == len(VERDICTS)
    assert len({code for code, *_ in STATUSES}) == len(STATUSES)
