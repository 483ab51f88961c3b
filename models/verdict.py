"""From the change of cells to what may be said of a parcel."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from models.biomass import CarbonFactors
from models.carbon import Z_90
from models.change import ChangeRules

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

IMPLAUSIBLE_GAIN = (
    "implausible gain: season effect likely (增幅超出生长极限，疑为季节效应)"
)


@dataclass(frozen=True, slots=True, eq=False)
class ParcelNoise:
    """What a parcel's change may be by chance, as variances of its mean cover, %2.

    ``residual`` (p,) is that of the cells' noise with its spatial correlation;
    ``model`` (p,) that part of the model's error which the two seasons do not share,
    ``CoverModel.variance`` of the difference of their mean design rows.
    """

    residual: Floats
    model: Floats


def parcel_change(
    sums: pd.DataFrame, noise: ParcelNoise, *, area: Floats
) -> pd.DataFrame:
    """Return each parcel's mean change of cover and its standard error.

    Parameters
    ----------
    sums
        ``models.change.change_sums``; rows of several parcels may be added up.
    area
        Full area (p,) of the parcels, in the unit of the sums.

    Returns
    -------
    Columns ``observed_pct`` of the area; ``delta_pct``, ``season_sd_pct``, ``se_pct``
    (percent cover) and ``loss_pct`` of the observed area, NaN where nothing was
    observed. Season errors add linearly, within a class and across: one season makes
    them all.
    """
    observed = sums["observed"].to_numpy(dtype=np.float64)
    known = np.where(observed > 0, observed, np.nan)
    season_sd = sums["season"].to_numpy(dtype=np.float64) / known
    se = np.sqrt(noise.residual + noise.model + season_sd**2)
    return pd.DataFrame(
        {
            "observed_pct": np.minimum(100 * observed / area, 100.0),
            "delta_pct": sums["moved"].to_numpy() / known,
            "season_sd_pct": season_sd,
            "se_pct": np.where(np.isfinite(known), se, np.nan),
            "loss_pct": 100 * sums["lost"].to_numpy() / known,
        },
        index=sums.index,
    )


def known_change(change: pd.DataFrame, rules: ChangeRules) -> NDArray[np.bool_]:
    """Return which parcels were seen on enough of their area to say anything."""
    share = change["observed_pct"].to_numpy()
    is_known = np.isfinite(change["delta_pct"].to_numpy())
    return np.asarray(is_known & (share >= rules.min_observed_pct))


@dataclass(frozen=True, slots=True, eq=False)
class Stand:
    """What turns cover into carbon: factors, parcel areas (p,) in ha, and years."""

    factors: CarbonFactors
    area_ha: Floats
    area_se_ha: Floats
    years: float

    def __post_init__(self) -> None:
        if not self.years > 0:
            raise ValueError(f"The second season has to be later, got {self.years} yr.")


def judge(change: pd.DataFrame, stand: Stand, rules: ChangeRules) -> pd.DataFrame:
    """Add sink, p-value, smallest detectable change, verdict and note to ``change``.

    The test is on cover alone: the factors that turn it into carbon are positive, so
    their error widens the sink's limits but cannot change its sign. ``change_q`` is
    the p-value adjusted for the number of parcels (Benjamini and Hochberg 1995,
    doi:10.1111/j.2517-6161.1995.tb02031.x); ``verdict`` is a code of
    ``geo.layers.VERDICTS``. Uptake is positive.
    """
    delta = change["delta_pct"].to_numpy(dtype=np.float64)
    se = change["se_pct"].to_numpy(dtype=np.float64)
    is_observed = known_change(change, rules)
    p = np.where(is_observed, _two_sided(delta, se), np.nan)
    adjusted = adjusted_p(p)
    per_pct = _per_pct(stand)
    least_z = NormalDist().inv_cdf(1 - rules.alpha / 2)
    columns = _sink(delta, se, per_pct, stand)
    columns |= {
        "change_p": p,
        "change_q": adjusted,
        "min_detectable_pct": least_z * se,
        "min_detectable_tco2_yr": least_z * se * per_pct,
    }
    is_significant = np.nan_to_num(adjusted, nan=1.0) <= rules.alpha
    is_loss = (is_significant & (delta < 0)) | (
        change["loss_pct"].to_numpy() >= rules.loss_area_pct
    )
    is_gain = is_significant & (delta > 0)
    is_too_much = is_gain & ~_is_plausible(delta, se, stand, rules)
    columns["verdict"] = np.select(
        [~is_observed, is_loss, is_gain & ~is_too_much],
        ["not_observed", "loss", "gain"],
        default="no_significant_change",
    )
    said = is_observed & ~is_loss & is_too_much
    columns["note"] = np.where(said, IMPLAUSIBLE_GAIN, "")
    return change.assign(**columns)


def adjusted_p(p: Floats) -> Floats:
    """Return Benjamini-Hochberg adjusted p-values; NaN takes no part and stays NaN."""
    adjusted = np.full(p.shape, np.nan)
    rows = np.flatnonzero(np.isfinite(p))
    order = rows[np.argsort(p[rows], kind="stable")]
    ranked = p[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return adjusted


def _two_sided(delta: Floats, se: Floats) -> Floats:
    # No error and no change is no evidence; no error and a change is certain.
    with np.errstate(divide="ignore", invalid="ignore"):
        z = abs(delta) / se
    return np.asarray(2 * ndtr(-np.where(delta == 0, 0.0, z)))


def _per_pct(stand: Stand) -> Floats:
    """Return the t CO2e/yr that one percent of cover is worth in each parcel."""
    factors = stand.factors
    # t CO2/yr per % = t AGB/ha at full cover / 100 % x t CO2 per t AGB x ha / yr
    per_ha = factors.agbd_t_ha.value / 100 * factors.per_agb("co2_t")
    return per_ha * stand.area_ha / stand.years


def _sink(
    delta: Floats, se: Floats, per_pct: Floats, stand: Stand
) -> dict[str, Floats | Texts]:
    """Return the sink and its error: the exact variance of a product (Goodman 1960)."""
    shared = stand.factors.relative_errors("co2_t").values()
    relative = sum(r**2 for r in shared) + (stand.area_se_ha / stand.area_ha) ** 2
    variance = se**2 + delta**2 * relative + se**2 * relative
    return {
        "sink_tco2_yr": delta * per_pct,
        "sink_tco2_yr_se": np.sqrt(variance) * per_pct,
    }


def _is_plausible(
    delta: Floats, se: Floats, stand: Stand, rules: ChangeRules
) -> NDArray[np.bool_]:
    """Return where the gain is within what a forest grows, give or take its error."""
    per_pct = stand.factors.agbd_t_ha.value / 100
    most = rules.max_growth_t_ha_yr * stand.years + Z_90 * se * per_pct
    return np.asarray(delta * per_pct <= most)
