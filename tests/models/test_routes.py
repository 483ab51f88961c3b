"""Stocks by two routes: by hand, against tier 1 alone, and what may not change."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.correlation import Variogram
from models.biomass import CarbonFactors, Factor, ParcelCover, SharedModel
from models.routes import (
    Routed,
    RoutePart,
    estimate_routed,
    not_nearer_than_plots,
    scaled_to_cells,
)
from models.status import StatusRules
from models.stocks import Known, ParcelAreas, StockTerms, estimate_stocks

RULES = StatusRules(least_area_ha=0.01)
FACTORS = CarbonFactors(Factor(100.0, 50.0), Factor(0.25, 0.05), Factor(0.5, 0.02))


def each(*values):
    return np.array(values, np.float64)


def part(share, mean, *, factor="allometry", relative=0.0, **more):
    p = len(share)
    told = {
        "residual": np.zeros(p),
        "loadings": np.zeros((p, 1)),
        "season_t_ha": np.zeros(p),
        "region_residual": 0.0,
    } | more
    return RoutePart(
        each(*share), each(*mean), factor=factor, relative_se=relative, **told
    )


def routed(learned, default, *, area=(2.0, 1.0), area_se=(0.0, 0.0)):
    p = len(area)
    return Routed(
        ParcelAreas(tuple(f"p{i}" for i in range(p)), each(*area), each(*area_se)),
        np.full(p, 100.0),
        np.full(p, 100.0),
        np.full(p, 60.0),
        "plots",
        (learned, default),
    )


def test_two_parcels_by_hand():
    # p0: 75 % at 80 t/ha, 25 % at 40: 70 t/ha x 2 ha. p1: tier 1 alone, 30 t/ha x 1 ha.
    learned = part(
        [0.75, 0.0],
        [80.0, np.nan],
        relative=0.1,
        residual=each(16.0, np.nan),
        loadings=np.array([[3.0, 4.0], [np.nan, np.nan]]),
        season_t_ha=each(2.0, np.nan),
        region_residual=9.0,
    )
    default = part(
        [0.25, 1.0],
        [40.0, 30.0],
        factor="default_agbd",
        relative=0.5,
        residual=each(4.0, 25.0),
        loadings=np.array([[8.0], [6.0]]),
        season_t_ha=each(4.0, 1.0),
        region_residual=1.0,
    )
    found = estimate_routed(routed(learned, default), FACTORS, RULES)
    table = found.table
    assert table["agb_t"].tolist() == [140.0, 30.0]
    assert table["method"].tolist() == ["plots", "tier1"]
    assert table["model_pct"].tolist() == [75.0, 0.0]
    np.testing.assert_allclose(table["carbon_t"], each(140.0, 30.0) * 1.25 * 0.5)
    # p0, t/ha: residual 0.75 x 4 + 0.25 x 2; model (2.25, 3, 2); season 1.5 + 1;
    # equations 60 x 0.1; default 10 x 0.5. p1: 5, 6, 1, 15.
    one = 2.0**2 * (3.5**2 + (2.25**2 + 9.0 + 4.0) + 2.5**2 + 6.0**2 + 5.0**2)
    other = 5.0**2 + 6.0**2 + 1.0 + 15.0**2
    np.testing.assert_allclose(table["agb_t_se"], np.sqrt([one, other]))
    variance = found.totals["agb_t"].variance
    # Shared errors add before squaring; residuals by the variance of each route's mean.
    assert variance["model"] == pytest.approx(4.5**2 + 6.0**2 + (4.0 + 6.0) ** 2)
    assert variance["season"] == pytest.approx((5.0 + 1.0) ** 2)
    assert variance["allometry"] == pytest.approx(12.0**2)
    assert variance["default_agbd"] == pytest.approx((10.0 + 15.0) ** 2)
    assert variance["residual"] == pytest.approx((3.0 * 1.5 + 1.0 * 1.5) ** 2)
    assert found.totals["agb_t"].estimate == 170.0


def test_with_no_cell_of_the_model_it_is_tier_1():
    draw = np.random.default_rng(3)
    p, area = 6, draw.uniform(0.5, 3, 6)
    areas = ParcelAreas(tuple("abcdef"), area, 0.01 * area)
    design = np.column_stack([np.ones(p), draw.normal(size=(p, 2))])
    root = draw.normal(size=(3, 3))
    cover = ParcelCover(
        areas.parcel_id,
        area,
        areas.area_se_ha,
        draw.uniform(20, 90, p),
        draw.uniform(1, 9, p),
        np.einsum("ni,ij,nj->n", design, root @ root.T, design),
        draw.uniform(0, 4, p),
    )
    known = Known(cover, np.full(p, 100.0), np.full(p, 100.0))
    told = estimate_stocks(
        known, StockTerms(SharedModel(design, root @ root.T), FACTORS, RULES), 2.0
    )
    nothing = np.full(p, np.nan)
    found = estimate_routed(
        Routed(
            areas,
            known.observed_pct,
            known.domain_pct,
            cover.cover_pct,
            "plots",
            (
                RoutePart(
                    np.zeros(p),
                    nothing,
                    nothing,
                    np.full((p, 2), np.nan),
                    nothing,
                    "allometry",
                    0.1,
                    float("nan"),
                ),
                RoutePart(
                    np.ones(p),
                    cover.cover_pct,
                    cover.residual,
                    design @ root,
                    np.sqrt(cover.season),
                    "default_agbd",
                    0.5,
                    2.0,
                ),
            ),
        ),
        FACTORS,
        RULES,
    )
    for name in told.table.columns:
        if told.table[name].dtype.kind == "f":
            np.testing.assert_allclose(found.table[name], told.table[name], rtol=1e-12)
    for quantity, total in told.totals.items():
        assert found.totals[quantity].estimate == pytest.approx(total.estimate)
        assert found.totals[quantity].se == pytest.approx(total.se)


def test_an_unobserved_parcel_has_no_figures_and_is_in_no_total():
    known = routed(part([0.0, 1.0], [np.nan, 50.0]), part([0.0, 0.0], [np.nan] * 2))
    known = replace(known, observed_pct=each(10.0, 100.0))
    found = estimate_routed(known, FACTORS, RULES)
    assert found.table["status"].tolist() == ["no_observation", "estimated"]
    assert np.isnan(found.table["agb_t"].iloc[0])
    assert np.isnan(found.table["model_pct"].iloc[0])
    assert found.totals["agb_t"].estimate == 50.0


def test_nothing_observed_has_no_totals():
    known = routed(part([0.0] * 2, [np.nan] * 2), part([0.0] * 2, [np.nan] * 2))
    found = estimate_routed(replace(known, observed_pct=each(0.0, 0.0)), FACTORS, RULES)
    assert found.totals == {}
    assert found.table["co2_t_se"].isna().all()


def test_smaller_cells_scatter_more_where_neighbours_do_not_go_together():
    sd = each(10.0, np.nan)
    np.testing.assert_allclose(
        scaled_to_cells(sd, nugget=25.0, sill=75.0, finer=4.0),
        [10 * np.sqrt(1.75), np.nan],
    )
    for told in (
        {"nugget": 25.0, "sill": 75.0, "finer": 0.5},
        {"nugget": 0.0, "sill": 9.0, "finer": 4.0},
        {"nugget": 0.0, "sill": 0.0, "finer": 4.0},
    ):
        np.testing.assert_allclose(scaled_to_cells(sd, **told), sd)


@pytest.mark.parametrize(
    ("fitted", "expected"),
    [
        (Variogram(30.0, 70.0, 40.0), Variogram(9.0, 91.0, 150.0)),
        (Variogram(30.0, 70.0, 400.0), Variogram(9.0, 91.0, 400.0)),
        (Variogram(2.0, 98.0, 40.0), Variogram(2.0, 98.0, 150.0)),
        (Variogram(100.0, 0.0, 0.0), Variogram(9.0, 91.0, 150.0)),
    ],
)
def test_what_plots_are_too_far_apart_to_tell_is_taken_to_go_together(fitted, expected):
    found = not_nearer_than_plots(fitted, spacing_m=150.0, own_variance=9.0)
    assert found == expected


@given(st.floats(0, 1), st.floats(0.1, 50), st.floats(0, 300), st.floats(0, 300))
def test_the_same_of_both_routes_is_what_either_says(share, residual, mean, season):
    """A parcel that is cut between routes that agree errs as an uncut one, or more."""
    both = {"residual": each(residual), "season_t_ha": each(season)}
    loadings = np.array([[1.0]])
    cut = estimate_routed(
        routed(
            part([share], [mean], loadings=loadings, **both),
            part([1 - share], [mean], loadings=loadings, factor="default_agbd", **both),
            area=(2.0,),
            area_se=(0.0,),
        ),
        FACTORS,
        RULES,
    ).table.iloc[0]
    assert cut["agb_t"] == pytest.approx(2 * mean)
    # Two models err apart: that part may be smaller, by half its variance at most.
    most = 4 * (residual + season**2 + 1.0)
    assert most - 4 * 0.5 - 1e-6 <= cut["agb_t_se"] ** 2 <= most + 1e-6
