"""Whole nights with one thing wrong: what changes, and what stays as it was."""

import json
import shutil
from datetime import date

import geopandas as gpd
import pandas as pd
import pytest
from shapely.affinity import translate

from config.settings import read
from pipelines.recipe import run_night
from pipelines.verify import verify_home
from tests.small_region import make_region, tree

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NIGHT = date(2020, 9, 1)
VICTIM = "S2_20200705"
SCENE_ID = "20200705T093000Z_sentinel-2"
OF_SCENES = {
    *("scene", "composite", "sample", "cover-model", "harmonisation", "cover"),
    *("agbd", "agbd_change", "season-noise", "exposure-map"),
}
"""Layers of the store that no parcel is part of."""
BY_GROUP = ("coverage", "feature-sums", "stock-sums", "change-sums")
"""Layers of the store with an artefact for the parcels of each tile."""


def make_tiled(home):
    """Make the small region in four tiles, as a large one is in many."""
    make_region(home)
    file = home / "carpathians.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("[grid]\n", "[grid]\ntile_cells = 64\n")
    file.write_text(text, encoding="utf-8")
    return read(file).model_copy(update={"home": home})


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A night of four tiles, to be copied: its home."""
    home = tmp_path_factory.mktemp("undisturbed")
    run_night(make_tiled(home), NIGHT)
    return home


@pytest.fixture
def settings(undisturbed, tmp_path):
    """The same night as ``undisturbed``, done already, in a home of its own."""
    home = tmp_path / "home"
    shutil.copytree(undisturbed, home, symlinks=True)
    file = home / "carpathians.toml"
    text = file.read_text(encoding="utf-8").replace(str(undisturbed), str(home))
    file.write_text(text, encoding="utf-8")
    return read(file).model_copy(update={"home": home})


def take_out(settings):
    """Deliver the catalogue without its victim."""
    file = settings.data_root / "collection.json"
    collection = json.loads(file.read_text(encoding="utf-8"))
    links = collection["links"]
    collection["links"] = [link for link in links if VICTIM not in link["href"]]
    assert len(collection["links"]) == len(links) - 1
    file.write_text(json.dumps(collection), encoding="utf-8")


def layers(folder):
    return {
        name: data
        for name, data in tree(folder / "layers").items()
        if name.endswith(".tif")
    }


def parcels_of(finished):
    return gpd.read_parquet(finished.folder / "parcels.parquet")


def same_rows(one, two):
    """Compare parcel tables in all but the name of the run."""
    one, two = (table.drop(columns="run_id") for table in (one, two))
    return one.equals(two)


def test_c16_c17_a_bad_scene_is_as_if_it_had_never_been_delivered(tmp_path):
    """Every artefact and every layer, byte for byte: nowhere does it count as seen."""
    without = make_tiled(tmp_path / "without")
    take_out(without)
    expected = run_night(without, NIGHT)

    spoilt = make_tiled(tmp_path / "spoilt")
    red = spoilt.data_root / "scenes" / VICTIM / "red.tif"
    red.write_bytes(red.read_bytes()[:-2000])
    finished = run_night(spoilt, NIGHT)

    assert tree(spoilt.store_root) == tree(without.store_root)
    assert layers(finished.folder) == layers(expected.folder)
    assert same_rows(parcels_of(finished), parcels_of(expected))
    said = [a for a in finished.record.attentions if a.subject == SCENE_ID]
    assert [a.left_out for a in said] == [True]
    assert not [a for a in expected.record.attentions if a.subject == SCENE_ID]


def write_parcels(settings, table):
    file = settings.data_root / "parcels.gpkg"
    file.unlink()
    table.to_file(file, layer="parcels", engine="pyogrio")


def read_parcel_file(settings):
    return gpd.read_file(settings.data_root / "parcels.gpkg", layer="parcels")


def layers_of(names):
    """Return the layers that files of a store belong to: region/layer/..."""
    return {name.split("/")[1] for name in names}


def tile_of(name):
    """Return the tile of a file of a store: region/layer/period/tile-digest/..."""
    return name.split("/")[3].partition("-")[0]


def test_n01_new_parcels_rebuild_what_is_theirs_and_keep_the_nights_before(settings):
    first = run_night(settings, NIGHT)
    before = tree(settings.home / "published"), tree(settings.store_root)
    delivered = (settings.data_root / "parcels.gpkg").read_bytes()

    table = read_parcel_file(settings)
    corner = table.geometry.representative_point()
    gone = (corner.x + corner.y).idxmax()
    write_parcels(settings, table.drop(index=gone))
    second = run_night(settings, NIGHT)

    assert second.record.run_id != first.record.run_id
    assert second.record.parcel_count == first.record.parcel_count - 1
    after = tree(settings.home / "published"), tree(settings.store_root)
    assert before[0].items() <= after[0].items()
    assert before[1].items() <= after[1].items()
    assert verify_home(settings.home)[1] == []
    current = settings.published_root / str(NIGHT) / "current"
    assert current.resolve() == second.folder.resolve()

    fresh = after[1].keys() - before[1].keys()
    assert layers_of(before[1]) >= OF_SCENES
    assert layers_of(fresh) & OF_SCENES == set()
    tiles = {tile_of(name) for name in fresh if name.split("/")[1] in BY_GROUP}
    assert len(tiles) == 1, "only the tile that the parcel was in"

    (settings.data_root / "parcels.gpkg").write_bytes(delivered)
    third = run_night(settings, NIGHT)
    assert third.record.run_id == first.record.run_id
    assert tree(settings.store_root) == after[1]
    assert current.resolve() == first.folder.resolve()


def test_n02_a_parcel_outside_every_tile_has_a_row_and_a_status(settings):
    first = run_night(settings, NIGHT)
    table = read_parcel_file(settings)
    far = table.iloc[[0]].copy()
    far["parcel_id"] = "far away"
    far["geometry"] = [translate(far.geometry.iloc[0], xoff=20_000)]
    write_parcels(settings, pd.concat([table, far], ignore_index=True))
    second = run_night(settings, NIGHT)

    rows = parcels_of(second).set_index("parcel_id")
    lost = rows.loc["far away"]
    assert lost["status"] == "no_observation"
    assert lost["verdict"] == "not_observed"
    assert lost["observed_pct"] == 0
    for name in ("agb_t", "carbon_t", "co2_t", "sink_tco2_yr"):
        assert rows.loc[["far away"], [name, f"{name}_se"]].isna().all(axis=None)
    others = parcels_of(second)
    others = others[others["parcel_id"] != "far away"].reset_index(drop=True)
    assert same_rows(others, parcels_of(first))
    told = {total.name: total.value for total in second.record.totals}
    assert told == {total.name: total.value for total in first.record.totals}
    said = [a for a in second.record.attentions if a.subject == "far away"]
    assert said
