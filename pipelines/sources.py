"""Providers and input files of a region, made from its settings."""

from pathlib import Path

from config.settings import FolderSource, MaskSettings, Settings, StacSource
from geo.errors import InputError
from geo.masks import MaskRule
from store.catalog import Digest
from store.providers.base import Provider
from store.providers.folder import FolderProvider
from store.providers.stac import StacProvider
from store.quarantine import quarantine
from store.record import Attention


def providers_of(settings: Settings, digest: Digest) -> list[Provider]:
    """Return the region's providers of scenes, in the order of its file."""
    return [
        _stac(source, settings, digest)
        if isinstance(source, StacSource)
        else _folder(source, settings, digest)
        for source in settings.region.scenes
    ]


def roots_of(settings: Settings) -> tuple[Path, ...]:
    """Return the only folders that inputs are opened from."""
    return settings.data_root, _cache(settings)


def set_aside(settings: Settings, error: InputError) -> Attention:
    """Put a bad input into quarantine and return what the night says of it."""
    quarantine(
        settings.home / "quarantine",
        settings.region.name,
        error,
        inputs=settings.data_root,
    )
    return attention_of(error)


def attention_of(error: InputError, *, left_out: bool = True) -> Attention:
    """Return what the night says of an input; files by name, not by place."""
    where = dict(error.where)
    if "file" in where:
        where["file"] = Path(where["file"]).name
    subject = where.get("item") or where.get("file") or error.code
    return Attention(
        subject=subject,
        code=error.code,
        message=error.what,
        message_zh=error.zh or error.what,
        cure=error.cure,
        where=where,
        left_out=left_out,
    )


def _cache(settings: Settings) -> Path:
    return settings.home / "cache" / settings.region.name


def _stac(source: StacSource, settings: Settings, digest: Digest) -> StacProvider:
    is_remote = "://" in source.href
    return StacProvider(
        name=source.name,
        href=source.href if is_remote else str(settings.data_root / source.href),
        roots=roots_of(settings),
        collections=source.collections,
        bands=dict(source.bands),
        mask_asset=source.mask_asset,
        mask=_rule(source.mask),
        timezone=settings.region.timezone,
        resampling=source.resampling,
        cache=_cache(settings),
        max_asset_mb=source.max_asset_mb,
        asset_hosts=source.asset_hosts,
        digest=digest,
    )


def _folder(source: FolderSource, settings: Settings, digest: Digest) -> FolderProvider:
    bands = source.bands
    return FolderProvider(
        name=source.name,
        folder=settings.data_root / source.folder,
        roots=roots_of(settings),
        pattern=source.pattern,
        bands=bands if isinstance(bands, tuple) else dict(bands),
        scale=source.scale,
        offset=source.offset,
        nodata=source.nodata,
        mask="none" if source.mask == "none" else _rule(source.mask),
        declared_crs=source.declared_crs or "",
        timezone=settings.region.timezone,
        resampling=source.resampling,
        digest=digest,
    )


def _rule(mask: MaskSettings) -> MaskRule:
    return MaskRule(
        clear=frozenset(mask.clear),
        nodata=frozenset(mask.nodata),
        known=frozenset(mask.known),
        dilate_cells=mask.dilate_cells,
    )
