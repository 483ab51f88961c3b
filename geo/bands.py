"""What a band and a layer are, and the bands that optical sensors give."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, Self

REFLECTANCE_SCALE = 1e-4
"""Reflectance is stored as whole numbers of one ten-thousandth."""


@dataclass(frozen=True, slots=True)
class Band:
    """One band: its unit, how it is stored, what is possible and how it is drawn.

    ``ramp`` pairs a value (in ``unit``) with a colour; ``classes`` pairs a code with a
    colour, an English and a Chinese label. A band has one or the other.
    """

    name: str
    title: str
    title_zh: str
    unit: str
    dtype: Literal["int16", "float32"]
    nodata: float
    valid_range: tuple[float, float]
    scale: float = 1.0
    ramp: tuple[tuple[float, str], ...] = ()
    classes: tuple[tuple[int, str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """A product on the grid for a period."""

    name: str
    title: str
    title_zh: str
    period: Literal["acquisition", "season", "year", "two years", "since", "request"]
    bands: tuple[Band, ...]
    published: bool = True

    def __post_init__(self) -> None:
        if len({(band.dtype, band.nodata) for band in self.bands}) != 1:
            raise ValueError(f"One file holds one type: {self.name} mixes them.")

    @property
    def dtype(self) -> str:
        return self.bands[0].dtype

    @property
    def nodata(self) -> float:
        return self.bands[0].nodata

    @property
    def band_names(self) -> tuple[str, ...]:
        return tuple(band.name for band in self.bands)

    def seen_in(self, reflectance: Collection[str]) -> Self:
        """Return the layer of a region whose sensors have only these bands."""
        absent = {band.name for band in REFLECTANCE} - set(reflectance)
        kept = tuple(band for band in self.bands if band.name not in absent)
        return replace(self, bands=kept)


def _reflectance(name: str, title: str, title_zh: str) -> Band:
    return Band(
        name,
        title,
        title_zh,
        unit="1",
        dtype="int16",
        nodata=-32768,
        valid_range=(-0.2, 1.6),
        scale=REFLECTANCE_SCALE,
        ramp=((0.0, "#000000"), (0.15, "#7f7f7f"), (0.5, "#ffffff")),
    )


REFLECTANCE = tuple(
    _reflectance(name, f"Reflectance, {title}", f"{title_zh}反射率")
    for name, title, title_zh in (
        ("blue", "blue", "蓝光"),
        ("green", "green", "绿光"),
        ("red", "red", "红光"),
        ("rededge1", "red edge 0.70 um", "红边0.70微米"),
        ("rededge2", "red edge 0.74 um", "红边0.74微米"),
        ("rededge3", "red edge 0.78 um", "红边0.78微米"),
        ("nir", "near infrared", "近红外"),
        ("nir08", "narrow near infrared", "窄近红外"),
        ("swir16", "shortwave infrared 1.6 um", "短波红外1.6微米"),
        ("swir22", "shortwave infrared 2.2 um", "短波红外2.2微米"),
    )
)
"""The bands every optical provider maps its own names to; a region has some of them."""

NO_VALUE = -32768
"""What a whole-number file holds where there is no value."""
