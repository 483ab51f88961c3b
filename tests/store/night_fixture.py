"""A made-up night in every state that a reader may meet: parcels, sources, a record."""

from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter
from shapely import MultiPoint, Point, Polygon, box, voronoi_polygons

from geo.grid import Grid
from geo.parcels import COLUMNS
from store.record import (
    Attention,
    Coefficient,
    Estimate,
    LayerUse,
    NightRecord,
    SceneUse,
)

GRID = Grid("EPSG:3035", 5_271_960.0, 2_533_020.0, 10.0, 100, 100)
NASTY = "<script>alert('林')</script>"

STATES = (  # name, status, verdict, t/ha, relative standard error, sink t CO2/ha/yr
    ("青松坡一号", "estimated", "no_significant_change", 118.0, 0.21, 0.8),
    ("云杉岭", "estimated", "gain", 96.0, 0.18, 6.1),
    ("北沟采伐地", "estimated", "loss", 34.0, 0.35, -21.0),
    ("山毛榉林场", "estimated", "no_significant_change", 142.0, 0.16, -0.6),
    ("石崖", "incomplete", "no_significant_change", 88.0, 0.44, 1.4),
    ("南坡新造林", "estimated", "gain", 22.0, 0.62, 4.9),
    ("云下地块", "no_observation", "not_observed", np.nan, np.nan, np.nan),
    ("界外灌丛", "outside_domain", "not_observed", np.nan, np.nan, np.nan),
    ("水源涵养林", "estimated", "no_significant_change", 131.0, 0.19, 0.2),
    ("风倒区", "estimated", "loss", 57.0, 0.55, -13.0),
    ("老龄杉木", "estimated", "no_significant_change", 155.0, 0.22, 1.0),
    ("东缘地块", "incomplete", "no_significant_change", 74.0, 0.58, -2.0),
    (NASTY, "estimated", "no_significant_change", 103.0, 0.24, 0.4),
)


def parcels() -> gpd.GeoDataFrame:
    """Thirteen stands, one crossing the border, and one of 400 m2."""
    left, bottom, right, top = GRID.bounds
    generator = np.random.default_rng(7)
    steps = np.linspace(0.12, 0.88, 4)
    seeds = [
        Point(
            left + (x + generator.uniform(-0.07, 0.07)) * 1000,
            bottom + (y + generator.uniform(-0.07, 0.07)) * 1000,
        )
        for y in steps
        for x in steps
    ]
    cells = voronoi_polygons(MultiPoint(seeds), extend_to=box(*GRID.bounds))
    inside = box(left + 25, bottom + 25, right + 40, top - 25)
    shapes = sorted(
        (cell.intersection(inside).buffer(-9) for cell in cells.geoms),
        key=lambda shape: (round(shape.centroid.y), round(shape.centroid.x)),
    )
    rows = [_row(i, state, shapes[i]) for i, state in enumerate(STATES)]
    x, y = left + 985, top - 15
    tiny = Polygon([(x - 20, y - 20), (x, y - 20), (x, y), (x - 20, y)])
    nothing = (np.nan, np.nan, np.nan)
    rows.append(_row(13, ("路边小块", "too_small", "not_observed", *nothing), tiny))
    frame = gpd.GeoDataFrame(rows, geometry="geometry", crs=GRID.crs)
    ranks = frame["priority_score"].rank(ascending=False)
    frame["priority_rank"] = ranks.astype("Int64")
    return frame[[column.name for column in COLUMNS] + ["geometry"]]


def _row(number, state, shape):
    name, status, verdict, t_ha, share, sink_ha = state
    area = shape.area / 10_000
    agb, carbon_per = t_ha * area, 0.47 * 1.24
    row = {
        "parcel_id": f"CS-{number + 1:04d}",
        "name_zh": name,
        "area_ha": area,
        "observed_pct": {"no_observation": 0.0, "incomplete": 61.5}.get(status, 98.2),
        "domain_pct": 12.0 if status == "outside_domain" else 96.0,
        "status": status,
        "method": "tier1",
        "model_pct": 0.0,
        "change_p": {"loss": 0.0004, "gain": 0.031}.get(verdict, 0.42),
        "min_detectable_tco2_yr": 4.2 * area,
        "loss_pct": 38.0 if verdict == "loss" else 0.6,
        "verdict": verdict,
        "exposure_tco2e_yr": 91_000.0 - 900 * number,
        "nearest_source_km": 71.6 + number / 50,
        "priority_score": np.nan if np.isnan(t_ha) else 0.2 + 0.055 * number,
        "note": "跨越影像边缘" if name == "东缘地块" else "",
        "run_id": "r-7c41d0b2e9aa",
        "geometry": shape,
    }
    for column, value, error in (
        ("agb_t", agb, share * agb),
        ("carbon_t", agb * carbon_per, 1.05 * share * agb * carbon_per),
        (
            "co2_t",
            agb * carbon_per * 44 / 12,
            1.05 * share * agb * carbon_per * 44 / 12,
        ),
        ("sink_tco2_yr", sink_ha * area, 2.4 * area + 0 * agb),
    ):
        row |= {
            column: value,
            f"{column}_se": error,
            f"{column}_low": value - 1.645 * error,
            f"{column}_high": value + 1.645 * error,
        }
    if np.isnan(t_ha):
        row |= {"change_p": np.nan, "min_detectable_tco2_yr": np.nan}
    return row


def sources() -> gpd.GeoDataFrame:
    """Five lignite and coal power plants around the region (real places)."""
    table = pd.DataFrame(
        [
            ("S1", "Drobeta", "德罗贝塔", 44.67508, 22.68781, 313, 1.5e6),
            ("S2", "Rovinari", "罗维纳里", 44.9068, 23.1383, 1320, 6.4e6),
            ("S3", "Mintia-Deva", "明蒂亚-德瓦", 45.9134, 22.8254, 1075, 4.7e6),
            ("S4", "Paroseni", "帕罗谢尼", 45.3647, 23.261, 150, 0.7e6),
            ("S5", "Turceni", "图尔切尼", 44.66944, 23.40805, 1650, 8.0e6),
        ],
        columns=[
            "source_id",
            "name",
            "name_zh",
            "latitude",
            "longitude",
            "capacity_mw",
            "emission_tco2e_yr",
        ],
    )
    points = gpd.points_from_xy(table["longitude"], table["latitude"])
    return gpd.GeoDataFrame(table, geometry=points, crs="EPSG:4326")


def smooth_noise(seed: int, *, cells: float = 4.0) -> np.ndarray:
    """Return a smooth random field, 0-1, of the grid's shape."""
    noise = np.random.default_rng(seed).normal(size=GRID.shape)
    field = gaussian_filter(noise, cells, mode="reflect")
    low, high = field.min(), field.max()
    return ((field - low) / (high - low)).astype(np.float32)


def reflectance() -> np.ndarray:
    """Return red, green and blue reflectance (3, y, x) like a summer forest's."""
    texture = 0.5 * smooth_noise(1) + 0.3 * smooth_noise(2, cells=1.5)
    bare = np.clip(smooth_noise(3, cells=8) - 0.6, 0, None) * 0.25
    red = 0.015 + 0.03 * texture + bare
    green = 0.03 + 0.045 * texture + 0.8 * bare
    blue = 0.012 + 0.02 * texture + 0.5 * bare
    return np.stack([red, green, blue]).astype(np.float32)


def agbd() -> np.ndarray:
    """Return a biomass density map (t/ha) with an unobserved corner."""
    density = (20 + 140 * smooth_noise(4, cells=6)).astype(np.float32)
    density[:14, :20] = np.nan
    return density


def record(*, complete: bool = False) -> NightRecord:
    """Return the record of the night; an incomplete one says why."""
    return NightRecord(
        region="carpathians",
        title="Carpathian beech and spruce forest",
        title_zh="喀尔巴阡山毛榉云杉林",
        night=date(2020, 9, 1),
        season="20200601-20200901",
        baseline_season="20170601-20170901",
        run_id="r-7c41d0b2e9aa",
        simulated=("parcels (drawn by a seeded program)", "小班边界为模拟数据"),
        status="complete" if complete else "incomplete",
        observed_pct=99.4 if complete else 86.7,
        scenes=_scenes(),
        attentions=() if complete else _attentions(),
        parcel_count=14,
        parcel_statuses={
            "estimated": 9,
            "incomplete": 2,
            "no_observation": 1,
            "outside_domain": 1,
            "too_small": 1,
        },
        parcel_verdicts={
            "loss": 2,
            "gain": 2,
            "no_significant_change": 7,
            "not_observed": 3,
        },
        totals=_totals(),
        budget={
            "model": 46.2,
            "residual": 18.2,
            "season": 3.1,
            "default_agbd": 17.9,
            "root_shoot": 9.1,
            "carbon_fraction": 4.4,
            "area": 1.1,
        },
        model_card=_model_card(),
        change_card={
            "baseline": "20170601-20170901",
            "shift": [-0.4, 0.1, 0.3],
            "is_borrowed": [False, False, True],
            "significance": 0.1,
        },
        coefficients=_coefficients(),
        layers=(),
        inputs={"parcels.gpkg": "ab" * 32, "sources.csv": "cd" * 32},
        versions={"forestsink": "0.1.0", "gdal": "3.10.3", "python": "3.11.7"},
        sources=(
            "contains modified Copernicus Sentinel data 2015-2021",
            "Tree Cover Density 2018, Copernicus Land Monitoring Service, EEA",
            "Global Power Plant Database v1.3.0, World Resources Institute, CC BY 4.0",
        ),
    )


def with_layers(night: NightRecord, layers: tuple[LayerUse, ...]) -> NightRecord:
    return night.model_copy(update={"layers": layers})


def _scenes():
    days = [(6, 4), (6, 19), (7, 1), (7, 16), (7, 31), (8, 10), (8, 25)]
    return tuple(
        SceneUse(
            scene_id=f"S2_L2A_2020{month:02d}{day:02d}",
            acquired=date(2020, month, day),
            provider="stac",
            clear_pct=clear,
            composites=("20200601-20200901", "20190901-20200901"),
        )
        for (month, day), clear in zip(
            days, (88.1, 97.4, 35.0, 100.0, 62.7, 91.3, 79.9), strict=True
        )
    )


def _attentions():
    return (
        Attention(
            subject="S2_L2A_20200621",
            code="input.raster",
            message="The red band ends after 41 % of its tiles.",
            message_zh="红光波段在41%的瓦片之后中断。",
            cure="Fetch the scene again; the others were used.",
            where={"file": "scenes/S2_L2A_20200621/B04.tif", "layer": "red"},
        ),
        Attention(
            subject="CS-0007",
            code="parcel.no_observation",
            message="No clear observation in the season.",
            message_zh="本季无晴空观测。",
            cure="Wait for the next clear scene, or widen the season.",
        ),
    )


def _totals():
    return tuple(
        Estimate(name=name, value=value, se=se, low=low, high=high, unit=unit)
        for name, value, se, low, high, unit in (
            ("agb_t", 6432.1, 1120.4, 4589.0, 8275.2, "t"),
            ("carbon_t", 3748.6, 690.2, 2613.2, 4884.0, "t C"),
            ("co2_t", 13744.9, 2530.7, 9581.9, 17907.9, "t CO2e"),
            ("sink_tco2_yr", -96.4, 58.3, -192.3, -0.5, "t CO2e/yr"),
        )
    )


def _coefficients():
    return (
        Coefficient(
            name="agbd_temperate_mountain",
            value=130.0,
            se=40.0,
            unit="t/ha",
            source="IPCC 2019 Refinement, vol. 4, table 4.7",
            status="unverified",
        ),
        Coefficient(
            name="carbon_fraction",
            value=0.47,
            se=0.01,
            unit="t C/t",
            source="IPCC 2006, vol. 4, table 4.3",
            status="confirmed",
        ),
        Coefficient(
            name="co2_per_carbon",
            value=44 / 12,
            se=None,
            unit="t CO2/t C",
            source="ratio of molar masses",
            status="derived",
        ),
    )


def _model_card():
    metrics = ("n", "rmse", "relative_rmse", "bias", "r2", "coverage_90")
    blocked, hopeful, plain = (
        dict(zip(metrics, values, strict=True))
        for values in (
            (2415, 11.8421, 0.174, -0.412, 0.523, 0.89),
            (2415, 8.9113, 0.131, 0.012, 0.731, 0.9),
            (2415, 17.02, 0.25, 0.8, None, None),
        )
    )
    return {
        "kind": "cover_ridge",
        "target": {"name": "tree_cover", "unit": "%"},
        "features": [{"name": "ndvi", "unit": "1"}, {"name": "ndmi", "unit": "1"}],
        "scores": {"random": hopeful, "blocked": blocked, "plain_mean_blocked": plain},
        "domain": {"threshold": 0.31, "training_share_inside": 0.964},
        "arrays_digest": "5f" * 32,
    }
