import pytest

from config.environment import CHECKOUT, home
from config.settings import load, read, region_files
from geo.errors import SettingsError

SAMPLE = (CHECKOUT / "config/regions/carpathians.toml").read_text(encoding="utf-8")


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setenv("FORESTSINK_HOME", str(tmp_path))
    folder = tmp_path / "regions"
    folder.mkdir()

    def writer(text, name="mine"):
        path = folder / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return writer


def test_every_built_in_region_loads():
    for name in region_files():
        assert load(name).region.name == name


def test_defaults_hold_unless_the_region_says_otherwise(write):
    assert read(write(SAMPLE)).region.dask.chunk_cells is None
    assert read(write(SAMPLE)).region.dask.memory_mb == 3000
    path = write(SAMPLE + "\n[dask]\nchunk_cells = 256\n")
    assert read(path).region.dask.chunk_cells == 256
    assert read(path).region.dask.scheduler == "threads"


def test_the_scheduler_may_come_from_the_environment(write, monkeypatch):
    monkeypatch.setenv("FORESTSINK_DASK_SCHEDULER", "tcp://10.0.0.1:8786")
    assert read(write(SAMPLE)).region.dask.scheduler == "tcp://10.0.0.1:8786"


def test_a_region_of_ones_own_shadows_the_built_in(write):
    path = write(SAMPLE, "carpathians")
    assert region_files()["carpathians"] == path
    assert load("carpathians").home == path.parent.parent


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('crs = "EPSG:3035"', 'crs = "EPSG:4326"', "grid.crs: .*not a projected CRS"),
        ('crs = "EPSG:3035"', 'crs = "EPSG:x"', "grid.crs: .*not a CRS"),
        ("cell_m = 10", "cell_m = -10", r"grid.cell_m: .*value: -10"),
        ("min_clear = 3", "min_cler = 3", "Did you mean min_clear"),
        ('"Europe/Bucharest"', '"Europe/Bukarest"', "timezone: .*no zone such as"),
        ('kind = "stac"', 'kind = "ftp"', "scenes"),
        ("baseline_year = 2017", "", "change.baseline_year: Field required"),
        ("[grid]", "[grid", "cannot be read"),
    ],
)
def test_a_wrong_setting_is_named_with_its_cure(write, old, new, said):
    assert old in SAMPLE
    with pytest.raises(SettingsError, match=said) as caught:
        read(write(SAMPLE.replace(old, new)))
    assert "mine.toml" in str(caught.value)
    assert caught.value.zh


def test_an_unknown_region_suggests_a_known_one():
    with pytest.raises(SettingsError, match="Did you mean carpathians"):
        load("carpatians")


def test_the_data_folder_is_in_the_checkout_unless_named(monkeypatch, tmp_path):
    monkeypatch.delenv("FORESTSINK_HOME", raising=False)
    assert home() == CHECKOUT / "var"
    monkeypatch.setenv("FORESTSINK_HOME", str(tmp_path / "中文 目录"))
    assert home() == tmp_path / "中文 目录"
