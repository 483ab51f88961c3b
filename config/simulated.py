"""The tables of ``config/twin/``: species and spectra of the simulated county."""

import csv
from importlib.resources import files

import numpy as np

from models.twin.county import BANDS, Flora, Species

_TEXTS = ("name_zh", "latin", "key", "leaf")
_NUMBERS = (
    "altitude_low_m",
    "altitude_high_m",
    "share",
    "agbd_max_t_ha",
    "growth_per_yr",
    "growth_power",
    "height_max_m",
    "height_per_yr",
    "height_power",
    "stems_young_ha",
    "stems_old_ha",
    "rotation_yr",
)
_ORGANS = ("stem", "branch", "leaf")


def flora() -> Flora:
    """Read the species, whose codes count from one, and the spectra."""
    species = tuple(_species(row) for row in _rows("species.csv"))
    if [one.code for one in species] != list(range(1, len(species) + 1)):
        raise ValueError("species.csv: codes must count 1, 2, 3 ...")
    spectra = {
        row["surface"]: np.array([float(row[band]) for band in BANDS], np.float32)
        for row in _rows("spectra.csv")
    }
    return Flora(species, spectra)


def _rows(name: str) -> list[dict[str, str]]:
    text = files("config").joinpath("twin", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _species(row: dict[str, str]) -> Species:
    return Species(
        code=int(row["code"]),
        is_planted=row["is_planted"] == "1",
        organs=tuple(
            (float(row[f"{organ}_a"]), float(row[f"{organ}_b"])) for organ in _ORGANS
        ),
        **{name: row[name] for name in _TEXTS},
        **{name: float(row[name]) for name in _NUMBERS},
    )
