import geopandas as gpd
import numpy as np
import pytest
from pyproj import Transformer
from shapely import Polygon, box

from geo.areas import area_se_ha, ellipsoid_area_ha
from geo.errors import VectorError

SQUARE = box(4_950_000, 2_560_000, 4_950_200, 2_560_200)
HOLED = Polygon(
    [(4_951_000, 2_560_000), (4_952_000, 2_560_000), (4_951_400, 2_561_700)],
    [[(4_951_300, 2_560_100), (4_951_400, 2_560_100), (4_951_400, 2_560_200)]],
)


def test_an_equal_area_projection_agrees():
    parcels = gpd.GeoSeries([SQUARE, HOLED], crs="EPSG:3035")
    np.testing.assert_allclose(
        ellipsoid_area_ha(parcels), parcels.area / 10_000, rtol=1e-6
    )


def test_winding_and_emptiness_do_not_matter():
    backwards = Polygon(list(SQUARE.exterior.coords)[::-1])
    parcels = gpd.GeoSeries([SQUARE, backwards, Polygon(), None], crs="EPSG:3035")
    areas = ellipsoid_area_ha(parcels)
    assert areas[0] == areas[1] == pytest.approx(4.0, rel=1e-6)
    assert areas[2] == areas[3] == 0.0


def test_parts_add_up():
    both = SQUARE.union(HOLED)
    parts = ellipsoid_area_ha(gpd.GeoSeries([SQUARE, HOLED, both], crs="EPSG:3035"))
    assert both.geom_type == "MultiPolygon"
    assert parts[2] == pytest.approx(parts[:2].sum(), rel=1e-12)


@pytest.mark.parametrize("crs", ["EPSG:4490", "EPSG:4547", "EPSG:4524"])
def test_chinese_coordinates_agree_with_an_equal_area_projection(crs):
    """CGCS2000 in degrees, 3-degree Gauss-Kruger and the same with zone number."""
    equal_area = "+proj=aea +lat_1=25 +lat_2=35 +lat_0=30 +lon_0=113 +ellps=GRS80"
    corners = [(112.9, 28.1), (112.912, 28.1), (112.915, 28.112), (112.9, 28.11)]
    parcel = gpd.GeoSeries([Polygon(corners)], crs="EPSG:4490").segmentize(0.0005)
    flat = Transformer.from_crs("EPSG:4490", equal_area, always_xy=True)
    xs, ys = flat.transform(*np.array(parcel[0].exterior.coords).T)
    expected = Polygon(np.column_stack([xs, ys])).area / 10_000
    area = ellipsoid_area_ha(parcel.to_crs(crs))[0]
    assert area == pytest.approx(expected, rel=1e-6)
    assert abs(parcel.to_crs("EPSG:3857").area[0] / 10_000 / area - 1) > 0.2


def test_no_crs_no_area():
    with pytest.raises(VectorError, match="no CRS") as error:
        ellipsoid_area_ha(gpd.GeoSeries([SQUARE]))
    assert "坐标参考系" in error.value.zh


def test_area_error_of_a_square_by_hand():
    # Neighbours of each corner are a diagonal apart: 4 x 2 x 20^2 m2, s = 1 m.
    square = gpd.GeoSeries([box(0, 0, 20, 20)], crs="EPSG:3035")
    (se_ha,) = area_se_ha(square, position_se_m=1.0)
    assert se_ha * 10_000 == pytest.approx(np.sqrt(2) * 20)


def test_area_error_agrees_with_shaken_vertices():
    rng = np.random.default_rng(0)
    ring = np.array([(0, 0), (80, 10), (120, 70), (60, 130), (-20, 60)], float)
    shaken = [Polygon(ring + rng.normal(0, 0.5, ring.shape)) for _ in range(4000)]
    (se_ha,) = area_se_ha(gpd.GeoSeries([Polygon(ring)]), position_se_m=0.5)
    simulated = np.std([one.area for one in shaken]) / 10_000
    assert se_ha == pytest.approx(simulated, rel=0.05)
