"""Facts and trust of a scene: by hand, NumPy = Dask, then each fault."""

import json

import numpy as np
import pytest
import xarray as xr

from geo.checks import Profile, require_plausible, scene_facts, scene_problems
from geo.errors import RasterError

BANDS = ("blue", "green", "red", "nir")
LEVELS = {"blue": 0.02, "green": 0.04, "red": 0.03, "nir": 0.30}


def scene(*, shape=(40, 50), shift=0.0, factor=1.0, offset_applied=False, status=1):
    noise = np.random.default_rng(3).random((4, *shape)) * 0.02
    levels = np.array([LEVELS[band] for band in BANDS])[:, None, None]
    values = ((levels + noise) * factor + shift).astype("float32")
    return xr.Dataset(
        {
            "reflectance": (("band", "y", "x"), values),
            "status": (("y", "x"), np.full(shape, status, dtype="uint8")),
            "invalid": (("y", "x"), np.zeros(shape, dtype=bool)),
        },
        coords={"band": list(BANDS)},
        attrs={"offset_applied": offset_applied},
    )


def test_facts_by_hand():
    dataset = scene(shape=(2, 2))
    dataset["reflectance"].loc[{"band": "nir"}] = [[0.1, 0.2], [0.3, np.nan]]
    dataset["status"][:] = [[0, 1], [1, 2]]
    dataset["invalid"][1, 1] = True
    facts = scene_facts(dataset)
    assert (facts["cells"], facts["no_data"], facts["clear"]) == (4, 1, 2)
    assert (facts["clouded"], facts["invalid"], facts["clear_pct"]) == (1, 1, 50.0)
    assert facts["quantiles"]["nir"]["q50"] == 0.2
    assert facts["quantiles"]["nir"]["q99"] == 0.3
    assert not facts["no_observation"]
    json.dumps(facts)


def test_a_band_that_the_sensor_lacks_has_no_quantiles():
    dataset = scene()
    dataset["reflectance"].loc[{"band": "blue"}] = np.nan
    assert "blue" not in scene_facts(dataset)["quantiles"]


@pytest.mark.parametrize("chunk", [7, 16, 50])
def test_facts_do_not_know_the_chunks(chunk):
    dataset = scene()
    dataset["status"][5:9] = 2
    dataset["invalid"][0, :3] = True
    lazy = dataset.chunk(band=1, y=chunk, x=chunk)
    assert scene_facts(lazy) == scene_facts(dataset)


def test_a_good_scene_is_plausible():
    require_plausible(scene_facts(scene()), "good")


@pytest.mark.parametrize("status", [0, 2])
def test_a_scene_without_a_clear_cell_is_no_observation_and_no_error(status):
    facts = scene_facts(scene(status=status, shift=5))
    assert facts["no_observation"]
    assert scene_problems(facts) == ()


@pytest.mark.parametrize("factor", [1e-4, 1e4, 0.001])
def test_scaled_twice_or_not_at_all(factor):
    with pytest.raises(RasterError, match="scaled twice or not at all"):
        require_plausible(scene_facts(scene(factor=factor)), "s")


def test_an_offset_applied_twice_shows_in_the_darkest_cells():
    facts = scene_facts(scene(shift=-0.1, offset_applied=True))
    with pytest.raises(RasterError, match="applied twice") as caught:
        require_plausible(facts, "S2_x")
    assert caught.value.where["item"] == "S2_x"
    assert "blue" in caught.value.where["value"]


def test_a_missing_offset_shows_in_the_darkest_cells():
    with pytest.raises(RasterError, match="BOA_ADD_OFFSET"):
        require_plausible(scene_facts(scene(shift=0.1)), "s")


def test_bright_ground_is_believed_where_the_offset_was_applied():
    assert scene_problems(scene_facts(scene(shift=0.1, offset_applied=True))) == ()


def test_few_cells_say_nothing_about_a_distribution():
    facts = scene_facts(scene(shape=(10, 10), shift=0.1))
    assert scene_problems(facts) == ()
    assert len(scene_problems(facts, Profile(least_clear=100))) == 1


def test_nan_and_infinity_above_the_limit():
    dataset = scene()
    dataset["invalid"][0, :20] = True
    assert scene_problems(scene_facts(dataset)) == ()
    dataset["invalid"][0, :] = True
    problems = scene_problems(scene_facts(dataset))
    assert [problem.where["value"] for problem in problems] == ["50"]
    assert all(problem.zh and problem.cure for problem in problems)
