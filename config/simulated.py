"""The tables of ``config/twin/``: species and spectra of the simulated county."""

import csv
from importlib.resources import files

import numpy as np

from models.twin.county import BANDS, Flora, Species

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
    def number(name: str) -> float:
        return float(row[name])

    return Species(
        code=int(row["code"]),
        name_zh=row["name_zh"],
        latin=row["latin"],
        key=row["key"],
        leaf=row["leaf"],
        altitude_low_m=number("altitude_low_m"),
        altitude_high_m=number("altitude_high_m"),
        share=number("share"),
        is_planted=row["is_planted"] == "1",
        agbd_max_t_ha=number("agbd_max_t_ha"),
        growth_per_yr=number("growth_per_yr"),
        growth_power=number("growth_power"),
        height_max_m=number("height_max_m"),
        height_per_yr=number("height_per_yr"),
        height_power=number("height_power"),
        stems_young_ha=number("stems_young_ha"),
        stems_old_ha=number("stems_old_ha"),
        rotation_yr=number("rotation_yr"),
        organs=tuple((number(f"{o}_a"), number(f"{o}_b")) for o in _ORGANS),
    )
