import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from models.biomass import (
    COMPONENTS,
    CarbonFactors,
    Factor,
    ParcelCover,
    SharedModel,
    parcel_budget,
    region_budget,
    stock_parts,
    tier1_agbd,
)
from models.carbon import Z_90

CERTAIN = CarbonFactors(Factor(100.0, 0.0), Factor(0.25, 0.0), Factor(0.5, 0.0))


def parcels(cover, *, residual=0.0, model=0.0, season=0.0, area=1.0, area_se=0.0):
    cover = np.asarray(cover, dtype=np.float64)

    def each(value):
        return np.broadcast_to(np.asarray(value, dtype=np.float64), cover.shape)

    return ParcelCover(
        tuple(f"p{i}" for i in range(cover.size)),
        each(area),
        each(area_se),
        cover,
        each(residual),
        each(model),
        each(season),
    )


def shared(p, covariance=0.0):
    return SharedModel(np.ones((p, 1)), np.array([[float(covariance)]]))


def test_a_cell_by_hand():
    cover = xr.DataArray([[50.0, 0.0], [100.0, np.nan]], dims=("y", "x"))
    sd = xr.DataArray([[10.0, 10.0], [0.0, 10.0]], dims=("y", "x"))
    agbd, agbd_sd = tier1_agbd(cover, sd, 120.0, 30.0)
    np.testing.assert_allclose(agbd, [[60.0, 0.0], [120.0, np.nan]])
    expected = [[np.hypot(12.0, 15.0), 12.0], [30.0, np.nan]]
    np.testing.assert_allclose(agbd_sd, expected)
    lazy, _ = tier1_agbd(cover.chunk(x=1), sd.chunk(x=1), 120.0, 30.0)
    assert lazy.chunks
    xr.testing.assert_identical(lazy.compute(), agbd)


def test_a_parcel_by_hand():
    # 2 ha at 50 % of 100 t/ha: 100 t; 100 x 1.25 x 0.5 = 62.5 t C
    budget = parcel_budget(
        parcels([50.0], residual=4.0, model=9.0, season=1.0, area=2.0, area_se=0.1),
        CarbonFactors(Factor(100.0, 20.0), Factor(0.25, 0.05), Factor(0.5, 0.02)),
        quantity="carbon_t",
    )
    row = budget.loc["p0"]
    assert row["estimate"] == pytest.approx(62.5)
    per_pct = 62.5 / 50
    assert row["residual"] == pytest.approx(4 * per_pct**2)
    assert row["model"] == pytest.approx(9 * per_pct**2)
    assert row["season"] == pytest.approx(1 * per_pct**2)
    assert row["default_agbd"] == pytest.approx((62.5 * 0.2) ** 2)
    assert row["root_shoot"] == pytest.approx((62.5 * 0.05 / 1.25) ** 2)
    assert row["carbon_fraction"] == pytest.approx((62.5 * 0.04) ** 2)
    assert row["area"] == pytest.approx((62.5 * 0.05) ** 2)
    assert row["total"] == pytest.approx(sum(row[name] for name in COMPONENTS))
    assert row["se"] == pytest.approx(np.sqrt(row["total"]))


def test_quantities_differ_by_their_factors():
    factors = CarbonFactors(Factor(100.0, 20.0), Factor(0.25, 0.1), Factor(0.5, 0.1))
    stand = parcels([80.0], residual=4.0)
    dry, carbon, co2 = (
        parcel_budget(stand, factors, quantity=quantity).loc["p0"]
        for quantity in ("agb_t", "carbon_t", "co2_t")
    )
    assert dry["estimate"] == pytest.approx(80.0)
    assert carbon["estimate"] == pytest.approx(80 * 1.25 * 0.5)
    assert co2["estimate"] == pytest.approx(carbon["estimate"] * 44 / 12)
    assert dry["root_shoot"] == dry["carbon_fraction"] == 0.0
    assert co2["se"] == pytest.approx(carbon["se"] * 44 / 12)


def test_ipcc_product_and_sum():
    """methods.md T28: 20, 30 and 5 % give 36.40 %; 100+-20 % and 50+-30 %, 16.67 %."""
    product = parcel_budget(
        parcels([50.0], residual=10.0**2, area_se=0.05),
        CarbonFactors(Factor(100.0, 30.0), Factor(0.25, 0.0), Factor(0.5, 0.0)),
        quantity="agb_t",
    ).loc["p0"]
    assert 100 * product["se"] / product["estimate"] == pytest.approx(36.40, abs=0.005)
    total = region_budget(
        parcels([100.0, 50.0], residual=[20.0**2, 15.0**2]),
        CERTAIN,
        shared(2),
        quantity="agb_t",
    )
    assert 100 * total.se / total.estimate == pytest.approx(16.67, abs=0.005)


def test_shared_errors_add_linearly_and_own_errors_do_not():
    stand = parcels([50.0] * 4, residual=9.0)
    factors = CarbonFactors(Factor(100.0, 10.0), Factor(0.25, 0.0), Factor(0.5, 0.0))
    total = region_budget(stand, factors, shared(4, covariance=4.0), quantity="agb_t")
    assert total.estimate == pytest.approx(200.0)
    assert total.variance["residual"] == pytest.approx(4 * 9.0)
    assert total.variance["model"] == pytest.approx((4 * 2.0) ** 2)
    assert total.variance["default_agbd"] == pytest.approx((4 * 5.0) ** 2)
    assert total.se == pytest.approx(np.sqrt(36 + 64 + 400))
    assert sum(total.share_pct.values()) == pytest.approx(100.0)
    assert total.share_pct["default_agbd"] == pytest.approx(80.0)


def test_model_errors_of_opposite_parcels_cancel():
    design = np.array([[1.0, 1.0], [1.0, -1.0]])
    covariance = np.array([[0.0, 0.0], [0.0, 4.0]])
    stand = parcels([50.0, 50.0], model=[4.0, 4.0])
    total = region_budget(
        stand, CERTAIN, SharedModel(design, covariance), quantity="agb_t"
    )
    assert total.variance["model"] == pytest.approx(0.0)


def test_the_residual_of_the_union_replaces_that_of_the_parcels():
    total = region_budget(
        parcels([50.0] * 4, residual=9.0),
        CERTAIN,
        shared(4),
        quantity="agb_t",
        residual_variance=6.25,
    )
    assert total.variance["residual"] == pytest.approx((4 * 2.5) ** 2)


def test_a_parcel_without_cover_is_left_out_of_the_total_not_counted_as_zero():
    stand = parcels([50.0, np.nan], residual=[9.0, np.nan], model=[4.0, np.nan])
    budget = parcel_budget(stand, CERTAIN, quantity="agb_t")
    assert budget.loc["p1"].isna().sum() >= 3
    model = SharedModel(np.array([[1.0], [np.nan]]), np.array([[4.0]]))
    total = region_budget(stand, CERTAIN, model, quantity="agb_t")
    assert total.estimate == pytest.approx(50.0)
    assert total.se == pytest.approx(np.sqrt(9 + 4))


def test_a_factor_of_each_parcel():
    roots = Factor(np.array([0.2, 0.4]), np.array([0.0, 0.0]))
    factors = CarbonFactors(Factor(100.0, 0.0), roots, Factor(0.5, 0.0))
    budget = parcel_budget(parcels([50.0, 50.0]), factors, quantity="carbon_t")
    np.testing.assert_allclose(budget["estimate"], [30.0, 35.0])


def test_factors_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="positive"):
        Factor(0.0, 0.1)
    with pytest.raises(ValueError, match="positive"):
        Factor(np.array([1.0, np.nan]), 0.1)


errors = st.floats(0, 50)


@given(errors, errors, errors, errors, st.sampled_from(range(6)), st.floats(0.01, 20))
def test_more_noise_is_never_a_smaller_error(residual, model, agbd, area, which, more):
    def se(noise):
        stand = parcels(
            [40.0, 70.0],
            residual=noise[0],
            model=noise[1],
            season=noise[4],
            area_se=noise[3] / 100,
        )
        factors = CarbonFactors(
            Factor(100.0, noise[2]), Factor(0.25, noise[5]), Factor(0.5, 0.02)
        )
        own = parcel_budget(stand, factors, quantity="co2_t")["se"].to_numpy()
        model = shared(2, covariance=noise[1])
        total = region_budget(stand, factors, model, quantity="co2_t")
        return np.append(own, total.se)

    before = [residual, model, agbd, area, 1.0, 0.05]
    after = list(before)
    after[which] += more
    assert (se(after) >= se(before) * (1 - 1e-12)).all()


def test_ninety_percent_limits_hold_the_true_stock():
    """A region of 20 parcels, 2,000 worlds: each source of error drawn anew."""
    generator = np.random.default_rng(4)
    cover, area, worlds = generator.uniform(20, 90, 20), 3.0, 2000
    factors = CarbonFactors(Factor(110.0, 22.0), Factor(0.25, 0.05), Factor(0.47, 0.01))
    stand = parcels(cover, residual=25.0, model=9.0, season=4.0, area=3.0, area_se=0.06)
    told = region_budget(
        stand, factors, shared(20, covariance=9.0), quantity="carbon_t"
    )
    own = parcel_budget(stand, factors, quantity="carbon_t")

    def draw(sd, p=1):
        return generator.normal(0, sd, (worlds, p))

    cover_error = draw(5.0, 20) + draw(3.0) + draw(2.0)
    agbd = 110.0 + draw(22.0)
    roots, fraction = 1.25 + draw(0.05), 0.47 + draw(0.01)
    areas = area + draw(0.06, 20)
    truth = (cover + cover_error) / 100 * agbd * areas * roots * fraction
    inside = abs(truth - own["estimate"].to_numpy()) <= Z_90 * own["se"].to_numpy()
    assert 0.85 <= inside.mean() <= 0.95
    off = abs(truth.sum(axis=1) - told.estimate)
    assert 0.85 <= np.mean(off <= Z_90 * told.se) <= 0.95
    in_quadrature = np.sqrt(own["total"].sum())
    assert np.mean(off <= Z_90 * in_quadrature) < 0.6


def test_parts_carry_the_names_of_the_components():
    parts = stock_parts(parcels([50.0]), CERTAIN, quantity="co2_t")
    assert tuple(part.name for part in parts) == COMPONENTS
