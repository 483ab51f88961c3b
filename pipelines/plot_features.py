"""What a season's composite shows at field plots, and in the region's forest."""

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo.grid import Tile
from geo.zonal import StripSums, coverage_weights
from models.features import feature_values, features_from
from models.learning.model import LearnedModel
from pipelines.context import Night
from pipelines.cover import COVER, COVER_FILE
from pipelines.season import SeasonMaps, harmonised_piece
from pipelines.stored import Piece, Window, pieces, read_piece

Numbers = NDArray[np.float64]
Values = NDArray[np.float32]

MIN_SEEN = 0.75
"""Share of a plot's area that has to be seen clear, and to lie in the region."""
MOST_TILES = 16
"""Tiles that the domain share is taken from, evenly spread over the region."""
MOST_CELLS = 400_000
"""Cells of them, evenly spread; a share is then known to a tenth of a per cent."""


def features_at(night: Night, season: SeasonMaps, plots: gpd.GeoDataFrame) -> Numbers:
    """Return the features of ``features_from(night.bands)`` at plots, (n, k).

    Means over the plots' outlines, each cell by the area that it shares with the plot.
    NaN where less than ``MIN_SEEN`` of a plot was seen.
    """
    names = features_from(night.bands)
    weights = coverage_weights(plots, night.grid)
    added = StripSums(weights, bands=len(names))
    for piece in around(night, plots):
        values = features_of(night, season, piece)
        added.add(values, row=piece.row, column=piece.column)
    total, seen_ha = added.result
    enough = seen_ha >= MIN_SEEN * weights.polygon_ha
    enough &= (seen_ha > 0) & (weights.polygon_ha > 0)
    means = np.full(total.shape, np.nan)
    means[enough] = total[enough] / seen_ha[enough]
    return means.T


def domain_share(
    night: Night, season: SeasonMaps, model: LearnedModel
) -> tuple[float | None, int]:
    """Return which share of forest cells lies in the model's domain, and of how many.

    Forest is a cover of at least ``reference_cover_pct``, by the region's own cover
    model, in that season. None without such a cell.
    """
    forest_pct = night.settings.region.model.reference_cover_pct
    tiles = _sampled(night.tiles)
    cells = sum(tile.grid.width * tile.grid.height for tile in tiles)
    step = max(int(np.ceil(np.sqrt(cells / MOST_CELLS))), 1)
    inside, counted = 0, 0
    names = features_from(night.bands)
    columns = [names.index(name) for name in model.names]
    for piece in pieces(tiles, _whole(night)):
        cover = read_piece(night, season.cover, COVER_FILE, piece, (COVER,))[0]
        forest = cover[::step, ::step] >= forest_pct
        if not forest.any():
            continue
        values = features_of(night, season, piece)[:, ::step, ::step][:, forest]
        found = model.predict(values[columns], model.names)
        known = np.isfinite(found.mean)
        inside += int(np.count_nonzero(found.in_domain & known))
        counted += int(np.count_nonzero(known))
    return (inside / counted if counted else None), counted


def features_of(night: Night, season: SeasonMaps, piece: Piece) -> Values:
    """Return the features of a piece (k, y, x); a cell has all of them or none."""
    values = feature_values(harmonised_piece(night, season, piece), night.bands)
    values[:, ~np.isfinite(values).all(axis=0)] = np.nan
    return values


def around(night: Night, plots: gpd.GeoDataFrame) -> Iterator[Piece]:
    """Yield the pieces of the region that any plot reaches into."""
    left, low, right, high = plots.geometry.bounds.to_numpy(np.float64).T
    for piece in pieces(night.tiles, _whole(night)):
        west, south, east, north = night.grid.window(*piece.place).bounds
        if ((right > west) & (left < east) & (high > south) & (low < north)).any():
            yield piece


def _whole(night: Night) -> Window:
    return Window(0, 0, night.grid.height, night.grid.width)


def _sampled(tiles: tuple[Tile, ...]) -> list[Tile]:
    count = min(len(tiles), MOST_TILES)
    places = np.linspace(0, len(tiles) - 1, count).round().astype(int)
    return [tiles[place] for place in np.unique(places).tolist()]
