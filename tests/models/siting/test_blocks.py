import numpy as np
import pytest

from geo.errors import GridMismatchError, SettingsError, TableError
from models.siting.blocks import BlockLayers, from_blocks


def layers(**other):
    given = {
        "eligible": np.array([[True, True, False], [True, True, True]]),
        "benefit": np.arange(6.0).reshape(2, 3),
        "cost_cny": 1.0,
        "area_ha": 4.0,
    }
    return BlockLayers(**{**given, **other})


def test_a_two_by_three_grid_by_hand():
    """Blocks 200 m high and 100 m wide; the last of the first row is no unit."""
    made = from_blocks(layers(), block_m=(200.0, 100.0))
    assert made.place.tolist() == [[0, 1, -1], [2, 3, 4]]
    assert made.units.unit_id.tolist() == [
        "r0000c0000",
        "r0000c0001",
        "r0001c0000",
        "r0001c0001",
        "r0001c0002",
    ]
    assert made.units.benefit.tolist() == [0.0, 1.0, 3.0, 4.0, 5.0]
    borders = made.borders
    found = {
        (int(a), int(b)): float(m)
        for a, b, m in zip(borders.first, borders.second, borders.length_m, strict=True)
    }
    assert found == {
        (0, 1): 200.0,
        (2, 3): 200.0,
        (3, 4): 200.0,
        (0, 2): 100.0,
        (1, 3): 100.0,
    }
    assert made.units.edge_m.tolist() == [300.0, 300.0, 300.0, 100.0, 400.0]


def test_the_outline_of_everything_is_that_of_the_land():
    made = from_blocks(layers(), block_m=(200.0, 100.0))
    whole = 2 * (200.0 + 100.0) * len(made.units)
    assert whole == made.units.edge_m.sum() + 2 * made.borders.length_m.sum()


def test_values_of_units_go_back_to_their_blocks():
    made = from_blocks(layers(), block_m=(1.0, 1.0))
    spread = made.onto_grid(np.arange(5), np.nan)
    np.testing.assert_array_equal(spread, [[0, 1, np.nan], [2, 3, 4]])


def test_a_locked_block_that_is_not_eligible_is_refused_by_name():
    locked = np.zeros((2, 3), bool)
    locked[0, 2] = True
    with pytest.raises(TableError, match="r0000c0002"):
        from_blocks(layers(locked_in=locked), block_m=(1.0, 1.0))


def test_layers_share_a_grid_and_blocks_a_size():
    with pytest.raises(GridMismatchError, match="benefit"):
        from_blocks(layers(benefit=np.ones((3, 2))), block_m=(1.0, 1.0))
    with pytest.raises(SettingsError, match="no grid"):
        from_blocks(layers(), block_m=(0.0, 1.0))
