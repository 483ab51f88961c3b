"""Parcels that share ground: reported, and never counted twice."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import VectorError

DRAWING_HA = 1e-4
"""One square metre: what neighbours share by the precision of their drawing."""


def find_overlaps(
    parcels: gpd.GeoDataFrame, *, tolerance: float, source: Path
) -> tuple[gpd.GeoDataFrame, list[VectorError], list[VectorError]]:
    """Take out parcels that overlap one kept before them by more than ``tolerance``.

    Parameters
    ----------
    parcels
        In the order of their ids, with ``parcel_id``, ``area_ha`` and a projected
        geometry. The first of an overlapping pair stays.
    tolerance
        Allowed share of the smaller parcel, 0-1.

    Returns
    -------
        The parcels kept, an error per parcel taken out, and a warning per pair of
        kept parcels that overlap by more than ``DRAWING_HA``.
    """
    first, second, common_ha, share = _pairs(parcels, tolerance)
    ids = parcels["parcel_id"].to_numpy()
    is_kept = np.ones(len(parcels), bool)
    rejected, warnings = [], []
    for one, two, area_ha, part in zip(first, second, common_ha, share, strict=True):
        if not (is_kept[one] and is_kept[two]):
            continue
        pair = _overlap(ids[one], ids[two], area_ha, part, source)
        if part > tolerance:
            is_kept[two] = False
            rejected.append(pair)
        else:
            warnings.append(pair)
    gone = {str(name) for name in ids[~is_kept]}
    kept = parcels.loc[is_kept].reset_index(drop=True)
    return kept, rejected, [pair for pair in warnings if not _names(pair) & gone]


def _pairs(
    parcels: gpd.GeoDataFrame, tolerance: float
) -> tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]
]:
    """Return rows of the two, their common area in ha and as a share of the smaller.

    Pairs come in the order of the second parcel, then the first.
    """
    shapes = np.asarray(parcels.geometry.array, object)
    planar = shapely.area(shapes)
    one, two = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, two = one[one < two], two[one < two]
    order = np.lexsort((one, two))
    one, two = one[order], two[order]
    common = shapely.area(shapely.intersection(shapes[one], shapes[two]))
    common_ha = common * (parcels["area_ha"].to_numpy()[one] / planar[one])
    share = common / np.minimum(planar[one], planar[two])
    meets = (common_ha > DRAWING_HA) | (share > tolerance)
    return one[meets], two[meets], common_ha[meets], share[meets]


def _names(pair: VectorError) -> set[str]:
    return set(pair.where["item"].split(" + "))


def _overlap(
    one: str, two: str, area_ha: float, share: float, source: Path
) -> VectorError:
    return VectorError(
        f"Parcel {two} overlaps parcel {one} by {area_ha:.4f} ha, "
        f"{share:.2%} of the smaller one.",
        zh=f"小班 {two} 与小班 {one} 重叠 {area_ha:.4f} 公顷（占较小者 {share:.2%}）。"
        "请修正边界。",
        cure="Correct the border between the two; above the tolerance only "
        "the first is used.",
        file=source,
        item=f"{one} + {two}",
        value=f"{area_ha:.4f} ha",
    )
