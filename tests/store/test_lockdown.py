import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pyogrio
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from pyogrio.errors import DataSourceError
from rasterio import features
from rasterio.errors import RasterioIOError
from rasterio.vrt import WarpedVRT

from geo.errors import SettingsError
from store import lockdown
from store.lockdown import DRIVERS, dask_setup, lock_down, require_lockdown

PROFILE = {
    "driver": "GTiff",
    "width": 600,
    "height": 600,
    "count": 2,
    "dtype": "float32",
    "crs": "EPSG:32650",
    "transform": Affine(10, 0, 500_000, 0, -10, 3_000_000),
    "nodata": -1,
    "tiled": True,
}


def run(code, **env):
    """Run ``code`` in a fresh interpreter without this process's lock-down."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in lockdown.SETTINGS and name not in {"GDAL_SKIP", "CPL_LOG"}
    }
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=clean | env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_only_our_drivers_are_left():
    with rasterio.Env() as env:
        assert set(env.drivers()) == DRIVERS
    assert set(pyogrio.list_drivers()) == {"ESRI Shapefile", "GPKG", "GeoJSON", "MEM"}


def test_the_attempts_succeed_without_lock_down_and_the_check_fails_closed():
    """The proof can fail: unlocked, each of its three attempts opens."""
    done = run(
        "from store import lockdown\n"
        "from geo.errors import SettingsError\n"
        "assert all(attempt() for attempt in lockdown._ATTEMPTS.values())\n"
        "try:\n"
        "    lockdown.require_lockdown()\n"
        "except SettingsError as error:\n"
        "    print(error)\n"
    )
    assert "lock-down is not in force" in done.stdout, done.stderr


@pytest.mark.parametrize("name", lockdown._ATTEMPTS)
def test_each_attempt_is_refused_here(name):
    assert lockdown._ATTEMPTS[name]() is False


def test_it_works_after_gdal_was_used_and_again():
    done = run(
        "import pyogrio, rasterio\n"
        "with rasterio.Env() as env:\n"
        "    assert 'VRT' in env.drivers()\n"
        "assert 'CSV' in pyogrio.list_drivers()\n"
        "from store.lockdown import lock_down, require_lockdown\n"
        "lock_down(); require_lockdown(); lock_down(); require_lockdown()\n"
        "print('locked')\n"
    )
    assert done.stdout == "locked\n", done.stderr


def test_children_inherit_it_and_are_not_noisy():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import pyogrio, rasterio\n"
            "from store.lockdown import require_lockdown\n"
            "require_lockdown(); print('locked')",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("locked\n", "")


def test_a_user_who_lets_files_run_python_is_refused():
    done = run(
        "from store.lockdown import lock_down; lock_down()",
        GDAL_VRT_ENABLE_PYTHON="YES",
    )
    assert done.returncode != 0
    assert "GDAL_VRT_ENABLE_PYTHON=YES" in done.stderr
    assert "Unset GDAL_VRT_ENABLE_PYTHON" in done.stderr


@pytest.mark.parametrize("name", ["GDAL_PAM_ENABLED", "GDAL_GEOREF_SOURCES"])
def test_a_changed_setting_is_noticed(name, monkeypatch):
    monkeypatch.setenv(name, "YES")
    require_lockdown.cache_clear()
    with pytest.raises(SettingsError, match=name):
        require_lockdown()
    lock_down()
    require_lockdown()


def test_a_driver_that_came_back_is_noticed(monkeypatch):
    monkeypatch.setattr(lockdown, "_rasterio_drivers", lambda: frozenset({"VRT"}))
    require_lockdown.cache_clear()
    with pytest.raises(SettingsError, match="drivers loaded: VRT"):
        require_lockdown()
    require_lockdown.cache_clear()


def test_locking_again_brings_nothing_back():
    without_vrt = os.environ["GDAL_SKIP"].split(",")
    without_vrt.remove("VRT")
    lockdown._register_rasterio(frozenset(without_vrt))
    with rasterio.Env() as env:
        assert set(env.drivers()) - DRIVERS == {"VRT"}
    lock_down()
    with rasterio.Env() as env:
        assert set(env.drivers()) == DRIVERS
    require_lockdown()


def test_a_worker_is_locked_by_preload():
    dask_setup(object())
    require_lockdown()


def test_nothing_calls_out(tmp_path):
    """A loopback canary counts the hits of every name that could make one."""
    hits = []

    class Canary(BaseHTTPRequestHandler):
        def do_GET(self):
            hits.append(self.path)
            self.send_error(404)

        def do_HEAD(self):
            self.do_GET()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Canary)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    wms = (
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/${{z}}/${{x}}/${{y}}'
        "</ServerUrl></Service><DataWindow><UpperLeftX>0</UpperLeftX>"
        "<UpperLeftY>0</UpperLeftY><LowerRightX>1</LowerRightX>"
        "<LowerRightY>1</LowerRightY><SizeX>256</SizeX><SizeY>256</SizeY>"
        "</DataWindow><BandsCount>1</BandsCount></GDAL_WMS>"
    )
    vrt = (
        '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" '
        f'band="1"><SimpleSource><SourceFilename>/vsicurl/{url}/x.tif'
        "</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    (tmp_path / "x.tif").write_text(vrt)
    names = [f"/vsicurl/{url}/x.tif", f"{url}/x.tif", wms, vrt, tmp_path / "x.tif"]
    names += [f"/vsicurl_streaming/{url}/x.tif", f"WMS:{url}", f"WCS:{url}"]
    try:
        for name in names:
            with pytest.raises(RasterioIOError), rasterio.open(name) as dataset:
                dataset.read()
        for name in (f"WFS:{url}", f"{url}/x.geojson", f"/vsicurl/{url}/x.gpkg"):
            with pytest.raises(DataSourceError):
                pyogrio.read_info(name)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert hits == []


def test_what_we_need_still_works(tmp_path):
    """GeoTIFF, COG, JPEG 2000, PNG, warping and polygonising survive the allow-list."""
    values = np.arange(2 * 600 * 600, dtype="float32").reshape(2, 600, 600)
    with rasterio.open(tmp_path / "a.tif", "w", **PROFILE) as target:
        target.write(values)
    cog = tmp_path / "c.tif"
    options = {"compress": "ZSTD", "predictor": "YES", "blocksize": 512}
    rasterio.shutil.copy(tmp_path / "a.tif", cog, driver="COG", **options)
    with rasterio.open(cog, driver="GTiff") as source:
        np.testing.assert_array_equal(source.read(), values)
        assert source.overviews(1) == [2]
        with WarpedVRT(source, crs="EPSG:4326") as warped:
            assert warped.read(1, masked=True).mean() > 0
    grey = PROFILE | {"driver": "JP2OpenJPEG", "dtype": "uint8", "nodata": None}
    grey |= {"count": 1, "reversible": "YES", "quality": 100}
    grey.pop("tiled")
    with rasterio.open(tmp_path / "g.jp2", "w", **grey) as target:
        target.write(np.full((1, 600, 600), 7, "uint8"))
    with rasterio.open(tmp_path / "g.jp2", driver="JP2OpenJPEG") as source:
        assert (source.read() == 7).all()
    assert len(list(features.shapes(np.eye(3, dtype="uint8")))) == 5


def test_sidecars_do_not_lie(tmp_path):
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", **PROFILE) as target:
        target.write(np.zeros((2, 600, 600), "float32"))
    (tmp_path / "a.tif.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:4326</SRS><GeoTransform>0,1,0,0,0,-1</GeoTransform>"
        '<PAMRasterBand band="1"><NoDataValue>0</NoDataValue></PAMRasterBand>'
        "</PAMDataset>"
    )
    with rasterio.open(path, driver="GTiff") as source:
        assert source.crs.to_epsg() == 32650
        assert source.transform == PROFILE["transform"]
        assert source.nodata == -1
