import json
import socket
from pathlib import Path

import pystac
import pytest

from store import stac_check
from store.record import LayerUse
from store.stac_out import items_for_night, span, validate
from tests.store import night_fixture as night
from tests.store.night_folder import write_rasters


def _no_network(*_args, **_kwargs):
    raise AssertionError("The network was asked.")


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(socket, "socket", _no_network)
    monkeypatch.setattr(socket, "getaddrinfo", _no_network)
    monkeypatch.setattr(socket, "create_connection", _no_network)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    uses = write_rasters(folder)
    items_for_night(night.with_layers(night.record(), uses), folder, night.GRID)
    return folder, uses


@pytest.fixture
def night_folder(tmp_path, published):
    folder = tmp_path / "night"
    for file in sorted(p for p in published[0].rglob("*") if p.is_file()):
        copy = folder / file.relative_to(published[0])
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    return folder


def _change(path: Path, change) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def _item(folder: Path, layer: str) -> Path:
    return next((folder / "items").glob(f"carpathians-{layer}-*.json"))


def _asset(content, part):
    return next(a for name, a in content["assets"].items() if part in name)


@pytest.mark.usefixtures("offline")
def test_a_night_is_valid_without_a_network(night_folder):
    assert validate(night_folder) == []


@pytest.mark.usefixtures("offline")
def test_an_unknown_schema_is_not_fetched(monkeypatch, night_folder):
    known = stac_check.get_local_schema_cache()
    without = {a: s for a, s in known.items() if "basics" not in a}
    monkeypatch.setattr(stac_check, "get_local_schema_cache", lambda: without)
    with pytest.raises(Exception, match="basics"):
        validate(night_folder)


def test_the_same_night_has_the_same_bytes(tmp_path, published):
    _, uses = published
    record = night.with_layers(night.record(), uses)
    texts = []
    for name, layers in (("a", uses), ("b", tuple(reversed(uses)))):
        folder = tmp_path / name
        assert write_rasters(folder) == uses
        written = items_for_night(
            record.model_copy(update={"layers": layers}), folder, night.GRID
        )
        assert all((folder / file).is_file() for file in written)
        texts.append({file: (folder / file).read_bytes() for file in sorted(written)})
    assert texts[0] == texts[1]
    assert all(b"\r" not in text for text in texts[0].values())


@pytest.mark.usefixtures("offline")
def test_pystac_walks_the_catalogue(night_folder):
    catalog = pystac.Catalog.from_file(str(night_folder / "catalog.json"))
    items = {item.id: item for item in catalog.get_items(recursive=True)}
    assert len(items) == 5
    change = items["carpathians-agbd_change-20160901-20170901_20190901-20200901"]
    assert change.datetime is None
    assert change.common_metadata.start_datetime.isoformat().startswith("2016-09-01T00")
    assert change.common_metadata.end_datetime.isoformat().startswith("2020-08-31T23")
    assert change.properties["forestsink:status"] == "incomplete"
    assert change.properties["forestsink:simulated"]
    for asset in change.assets.values():
        assert Path(asset.get_absolute_href()).is_file()
        assert asset.ext.proj.code == "EPSG:3035"
        assert asset.ext.proj.shape == [100, 100]
        assert asset.ext.proj.transform == list(night.GRID.transform)[:6]


def test_bands_carry_units_scale_and_classes(night_folder):
    composite = json.loads(_item(night_folder, "composite").read_text("utf-8"))
    bands = {b["name"]: b for b in _asset(composite, "reflectance")["bands"]}
    assert set(bands) == {"blue", "green", "red"}
    assert bands["red"]["raster:scale"] == 1e-4
    assert bands["red"]["nodata"] == -32768
    change = json.loads(_item(night_folder, "agbd_change").read_text("utf-8"))
    classes = _asset(change, "verdict")["bands"][0]["classification:classes"]
    assert [c["value"] for c in classes] == [0, 1, 2, 3]
    assert classes[1]["title"] == "loss 减少"
    assert _asset(change, "_change_change")["bands"][0]["unit"] == "t/ha"


def test_the_footprint_is_where_the_grid_is(night_folder):
    content = json.loads(_item(night_folder, "agbd").read_text("utf-8"))
    west, south, east, north = content["bbox"]
    assert west < 22.152 < east
    assert south < 45.205 < north
    assert east - west < 0.02


def test_sources_and_licences_are_linked(night_folder):
    content = json.loads((night_folder / "collection.json").read_text("utf-8"))
    link = next(link for link in content["links"] if link["rel"] == "license")
    licences = (night_folder / link["href"]).read_text("utf-8").splitlines()
    assert licences == list(night.record().sources)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("geometry"), "'geometry' is a required property"),
        (lambda c: c["properties"].pop("start_datetime"), "datetime"),
        (lambda c: c.update(type="Oddity"), "is a 'Oddity'"),
        (
            lambda c: _asset(c, "density").update({"proj:code": 3035}),
            "proj:code may not be 3035",
        ),
        (
            lambda c: _asset(c, "density").update({"proj:epsg": 3035}),
            "proj:epsg is no field",
        ),
        (
            lambda c: _asset(c, "density").update({"proj:shape": [100]}),
            "proj:shape may not be",
        ),
        (
            lambda c: _asset(c, "density")["bands"][0].update({"raster:scale": "1"}),
            "raster:scale may not be '1'",
        ),
        (
            lambda c: c.update(stac_extensions=[]),
            "the raster extension is not declared",
        ),
        (
            lambda c: _asset(c, "density").update(href="/data/agbd.tif"),
            "is not relative",
        ),
        (lambda c: c["links"][0].update(href="../no.json"), "no.json is not there"),
    ],
)
def test_what_is_wrong_is_named(night_folder, change, said):
    _change(_item(night_folder, "agbd"), change)
    problems = validate(night_folder)
    assert any(said in problem for problem in problems), problems
    assert all(p.startswith("items/carpathians-agbd-") for p in problems)


def test_a_changed_and_a_missing_file_are_named(night_folder):
    file = next((night_folder / "layers").glob("agbd_density*"))
    file.write_bytes(file.read_bytes() + b"x")
    next((night_folder / "layers").glob("priority*")).unlink()
    problems = "\n".join(validate(night_folder))
    assert "file:checksum differs" in problems
    assert "file:size differs" in problems
    assert "priority_priority" in problems


def test_a_broken_document_does_not_hide_the_others(night_folder):
    (night_folder / "collection.json").write_text("{", encoding="utf-8")
    _change(_item(night_folder, "agbd"), lambda c: c.pop("bbox"))
    problems = validate(night_folder)
    assert any(p.startswith("collection.json: cannot be read") for p in problems)
    assert any("bbox" in p for p in problems)


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("20190901-20200901", "2019-09-01", "2020-08-31"),
        ("20170601-20170901_20200601-20200901", "2017-06-01", "2020-08-31"),
        ("request-7", "2020-06-01", "2020-08-31"),
    ],
)
def test_what_days_a_period_spans(period, first, last):
    start, end = span(period, night.record())
    assert (f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}") == (first, last)


def test_a_season_without_days_is_the_night():
    record = night.record().model_copy(update={"season": "summer"})
    start, end = span("summer", record)
    assert start.date() == end.date() == record.night


def test_a_night_without_layers_and_one_of_tables_are_valid(tmp_path):
    empty, tables = tmp_path / "empty", tmp_path / "tables"
    items_for_night(night.record(), empty, night.GRID)
    assert validate(empty) == []
    tables.mkdir()
    (tables / "parcels.parquet").write_bytes(b"PAR1")
    use = LayerUse(
        layer="parcels",
        period="20200601-20200901",
        file="parcels.parquet",
        sha256=stac_check.sha256_file(tables / "parcels.parquet"),
    )
    items_for_night(night.with_layers(night.record(), (use,)), tables, night.GRID)
    assert validate(tables) == []
