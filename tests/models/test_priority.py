import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geo.errors import SettingsError
from models.priority import (
    CRITERIA,
    REASONS,
    carbon_potential,
    not_plantable,
    rank_zones,
)

WEIGHTS = {
    "carbon_potential": 0.30,
    "eco_fragility": 0.20,
    "emission_exposure": 0.25,
    "idle_land": 0.15,
    "access": 0.10,
}
IDS = ("P1", "P2", "P3", "P4")


def test_four_parcels_by_hand():
    """Potential .30 and exposure .25 are there: weights 6/11 and 5/11."""
    criteria = {
        "carbon_potential": np.array([0.0, 0.5, 1.0, 0.9]),
        "emission_exposure": np.array([40.0, 20.0, 0.0, 1e9]),
    }
    forest = np.array([False, False, False, True])
    result = rank_zones(
        IDS, criteria, weights=WEIGHTS, excluded={"forest_already": forest}
    )
    np.testing.assert_allclose(result.score, [5 / 11, 0.5, 6 / 11, np.nan], atol=5e-7)
    assert result.rank.tolist() == [3, 2, 1, 0]
    assert result.reason == ("", "", "", "forest_already")
    assert result.missing == ("eco_fragility", "idle_land", "access")
    assert sum(result.weights.values()) == pytest.approx(1)


def test_forest_and_slivers_may_not_be_planted():
    flags = not_plantable(
        np.array([19.9, 20.0, 0.0, np.nan]), np.array([1.0, 1.0, 0.0399, 1.0])
    )
    assert flags["forest_already"].tolist() == [False, True, False, False]
    assert flags["too_small"].tolist() == [False, False, True, False]
    assert flags["no_observation"].tolist() == [False, False, False, True]
    assert not not_plantable(np.zeros(1), np.array([0.04]))["too_small"][0]


def test_the_first_reason_stands_and_what_was_not_seen_is_not_ranked():
    everything = {name: np.array([True, False]) for name in REASONS}
    result = rank_zones(
        ("A", "B"),
        {"access": np.array([1.0, np.nan])},
        weights=WEIGHTS,
        excluded=everything,
    )
    assert result.reason == ("forest_already", "no_observation")
    assert np.isnan(result.score).all()
    assert result.rank.tolist() == [0, 0]


def test_equal_scores_rank_by_parcel_id_and_shares_count_as_they_are():
    same = {"idle_land": np.full(3, 0.7)}
    result = rank_zones(("C", "A", "B"), same, weights=WEIGHTS, excluded={})
    assert result.score.tolist() == [0.7, 0.7, 0.7]
    assert result.rank.tolist() == [3, 1, 2]


def test_what_is_no_share_counts_against_the_greatest():
    near = {"emission_exposure": np.array([50.0, 200.0, 0.0])}
    result = rank_zones(("A", "B", "C"), near, weights=WEIGHTS, excluded={})
    assert result.score.tolist() == [0.25, 1.0, 0.0]


@pytest.mark.parametrize(
    ("name", "values"), [("idle_land", [0.2, 1.1]), ("access", [-1.0, 2.0])]
)
def test_a_criterion_out_of_its_range_is_refused(name, values):
    with pytest.raises(ValueError, match=f"{name} goes from"):
        rank_zones(("A", "B"), {name: np.array(values)}, weights=WEIGHTS, excluded={})


def test_room_to_grow():
    room = carbon_potential(np.array([0, 65, 130, 200, np.nan]), default_t_ha=130)
    np.testing.assert_array_equal(room, [1, 0.5, 0, 0, np.nan])


@pytest.mark.parametrize(
    ("criteria", "weights", "what"),
    [
        ({"beauty": np.ones(4)}, WEIGHTS, "beauty is unknown"),
        ({"access": np.ones(4)}, {"acess": 1.0}, "acess is unknown"),
        ({"access": np.ones(4)}, {"access": -1.0}, "access is negative"),
        ({"access": np.ones(4)}, {"access": float("nan")}, "access is negative"),
        ({"access": np.ones(4)}, {"idle_land": 1.0}, "nothing can be ranked"),
        ({}, WEIGHTS, "nothing can be ranked"),
    ],
)
def test_settings_that_cannot_rank(criteria, weights, what):
    with pytest.raises(SettingsError, match=what) as error:
        rank_zones(IDS, criteria, weights=weights, excluded={})
    assert error.value.zh


@given(
    hnp.arrays(np.float64, (4, 5), elements=st.floats(0, 1)),
    hnp.arrays(bool, 4),
    st.permutations(range(4)),
)
def test_ranks_do_not_depend_on_order_and_scores_stay_within_bounds(
    values, forest, order
):
    def ranked(places):
        return rank_zones(
            [IDS[place] for place in places],
            {name: values[places, k] for k, name in enumerate(CRITERIA)},
            weights=WEIGHTS,
            excluded={"forest_already": forest[places]},
        )

    here, there = ranked(list(range(4))), ranked(list(order))
    np.testing.assert_array_equal(here.rank[list(order)], there.rank)
    known = ~np.isnan(here.score)
    assert (known == ~forest).all()
    assert ((here.score[known] >= 0) & (here.score[known] <= 1)).all()
    assert sorted(here.rank[known]) == list(range(1, known.sum() + 1))
