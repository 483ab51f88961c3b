"""GDAL with its doors shut: a few drivers, no network, no sidecars, fixed dates.

The wheels bring about 150 drivers. Some of them read other files, call other hosts or
run programs named in what they open, so everything that is not in ``DRIVERS`` is
unloaded. That is stronger than naming the bad ones: a driver that arrives with the
next wheel is shut out as well.
"""

import os
import threading
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

import pyogrio
import rasterio
from pyogrio.errors import DataSourceError
from rasterio.errors import RasterioError

from geo.errors import SettingsError

DRIVERS = frozenset(
    {"COG", "ESRI Shapefile", "GPKG", "GTiff", "GeoJSON", "JP2OpenJPEG", "PNG"}
    | {"MEM", "Memory"}
)
"""All that GDAL may use; the last two hold arrays and open nothing by themselves."""

SETTINGS = {
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_CACHEMAX": "256",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "GDAL_DRIVER_PATH": "disable",
    "GDAL_CONFIG_FILE": os.devnull,
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_VRT_ENABLE_RAWRASTERBAND": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "CPL_VSIL_CURL_HEADER_FILE_KVP_ENABLED": "NO",
    "OGR_SQLITE_LOAD_EXTENSIONS": "",
    "OGR_GEOMETRY_ACCEPT_UNCLOSED_RING": "NO",
    "OGR_CURRENT_DATE": "1970-01-01T00:00:00.000Z",
    "PROJ_NETWORK": "OFF",
}
"""Sidecars cannot lie; a fixed date makes GeoPackages repeatable; blocks are kept in
256 MB, not in a twentieth of the machine."""

_UNLISTED = frozenset({"LIBERTIFF", "MiraMonRaster", "RCM", "VRT"})
_REFUSED_VALUES = {"", "NO", "FALSE", "OFF", "0"}
_VRT = (
    '<VRTDataset rasterXSize="1" rasterYSize="1">'
    '<VRTRasterBand dataType="Byte" band="1"/></VRTDataset>'
)
_OGR_VRT = (
    b'<OGRVRTDataSource><OGRVRTLayer name="passwd">'
    b"<SrcDataSource>CSV:/etc/passwd</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
)
_lock = threading.Lock()


def lock_down() -> None:
    """Shut GDAL's doors in this process and, through the environment, its children.

    It works however late it is called, also after rasterio and pyogrio were used.

    Raises
    ------
    SettingsError
        If the environment asks GDAL to run Python code found in files.
    """
    _refuse_python_in_files()
    with _lock:
        os.environ.update(SETTINGS)
        # What a child has not loaded cannot be unloaded: GDAL would say so on stderr.
        os.environ.setdefault("CPL_LOG", os.devnull)
        vars(import_module("pyproj.network"))["set_network_enabled"](active=False)
        _unload(_rasterio_drivers(), _pyogrio_drivers())
    require_lockdown.cache_clear()


def _refuse_python_in_files() -> None:
    value = os.environ.get("GDAL_VRT_ENABLE_PYTHON", "")
    if value.upper() not in _REFUSED_VALUES:
        raise SettingsError(
            f"GDAL_VRT_ENABLE_PYTHON={value} lets a raster file run Python code.",
            zh=f"环境变量 GDAL_VRT_ENABLE_PYTHON={value} 允许栅格文件执行代码，"
            "拒绝启动。请删除该环境变量。",
            cure="Unset GDAL_VRT_ENABLE_PYTHON and start again.",
            field="GDAL_VRT_ENABLE_PYTHON",
            value=value,
        )


def _unload(raster: frozenset[str], vector: frozenset[str]) -> None:
    """Let both copies of GDAL drop what is not in ``DRIVERS``.

    Each wheel has its own GDAL; both read ``GDAL_SKIP`` whenever they register. What
    makes them register again is not public, so ``require_lockdown`` proves the
    outcome instead of trusting it.
    """
    inherited = frozenset(os.environ.get("GDAL_SKIP", "").split(","))
    # Registering again brings back all that is not named: name what is out already.
    if raster - DRIVERS:
        _register_rasterio((inherited | raster) - DRIVERS)
    if vector - DRIVERS:
        _register_pyogrio((inherited | vector | _UNLISTED) - DRIVERS)
    _skip((inherited | raster | vector | _UNLISTED) - DRIVERS)


def _register_rasterio(skipped: frozenset[str]) -> None:
    _skip(skipped)
    vars(import_module("rasterio._env"))["_have_registered_drivers"] = False
    _rasterio_drivers()


def _register_pyogrio(skipped: frozenset[str]) -> None:
    _skip(skipped)
    with warnings.catch_warnings():
        # A build without one of the drivers says so.
        warnings.simplefilter("ignore", RuntimeWarning)
        vars(import_module("pyogrio._ogr"))["_register_drivers"]()


def _skip(names: Iterable[str]) -> None:
    os.environ["GDAL_SKIP"] = ",".join(sorted(name for name in names if name))


def _rasterio_drivers() -> frozenset[str]:
    with rasterio.Env() as env:
        return frozenset(env.drivers())


def _pyogrio_drivers() -> frozenset[str]:
    return frozenset(pyogrio.list_drivers())


@cache
def require_lockdown() -> None:
    """Prove once per process that the doors are shut, or stop.

    Raises
    ------
    SettingsError
        If ``lock_down`` was not called, or did not work with the GDAL installed here.
    """
    for name, expected in SETTINGS.items():
        if os.environ.get(name) != expected:
            raise _open_door(f"{name} is {os.environ.get(name)!r}, not {expected!r}.")
    extra = (_rasterio_drivers() | _pyogrio_drivers()) - DRIVERS
    if extra:
        raise _open_door(f"GDAL has drivers loaded: {', '.join(sorted(extra))}.")
    for name, attempt in _ATTEMPTS.items():
        if attempt():
            raise _open_door(f"GDAL opened {name}.")


def _open_door(what: str) -> SettingsError:
    return SettingsError(
        f"The GDAL lock-down is not in force: {what}",
        zh=f"GDAL 安全锁定未生效：{what} 请在程序启动时先调用 lock_down()。",
        cure="Call store.lockdown.lock_down() at the start of the process "
        "(for workers: dask worker --preload store.lockdown).",
    )


def _opens_vrt() -> bool:
    return _rasterio_opens(_VRT)


def _opens_ogr_vrt() -> bool:
    return _pyogrio_opens(_OGR_VRT)


def _opens_csv() -> bool:
    return _pyogrio_opens(f"CSV:{Path(__file__)}")


def _rasterio_opens(name: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rasterio.open(name).close()
    except RasterioError:
        return False
    return True


def _pyogrio_opens(name: str | bytes) -> bool:
    try:
        pyogrio.list_layers(name)
    except DataSourceError:
        return False
    return True


_ATTEMPTS: dict[str, Callable[[], bool]] = {
    "an inline VRT": _opens_vrt,
    "an OGR VRT": _opens_ogr_vrt,
    "a CSV: name": _opens_csv,
}


def dask_setup(_worker: object) -> None:
    """Lock a worker started by ``dask worker --preload store.lockdown``."""
    lock_down()
    require_lockdown()
