"""Five real power plants; their CO2e is estimated, since nobody published it here.

CO2e (t/yr) = capacity (MW) x full-load hours (h/yr) x factor (t CO2e/MWh).
"""

import csv
from pathlib import Path

from carpathians_source import read_table

GJ_PER_MWH = 3.6
T_PER_KG = 1e-3
REFERENCE = (
    "Global Power Plant Database v1.3.0 (Global Energy Observatory, Google, KTH Royal "
    "Institute of Technology in Stockholm, Enipedia, World Resources Institute), "
    "CC BY 4.0, row {plant} of Romania.csv; CO2e estimated as capacity x hours x "
    "factor{hours}"
)


def write_sources(shared: Path, out: Path) -> None:
    """Write ``sources.csv``: UTF-8, one row per plant, capacity as in the database."""
    chosen = read_table("power_plants.csv")
    rows = _database(shared, [plant["gppd_id"] for plant in chosen])
    assumed = {(r["name"], r["fuel"]): r["value"] for r in _assumptions()}
    usual_hours = _usual_hours(list(rows.values()))
    table = [
        _row(plant, rows[plant["gppd_id"]], assumed, usual_hours) for plant in chosen
    ]
    with (out / "sources.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def _assumptions() -> list[dict[str, str]]:
    return read_table("emission_assumptions.csv")


def _database(shared: Path, plants: list[str]) -> dict[str, dict[str, str]]:
    path = shared / "power_plants" / "Romania.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [r for r in csv.DictReader(stream) if r["Power Plant ID"] in plants]
    if sorted(row["Power Plant ID"] for row in rows) != sorted(plants):
        raise ValueError(f"{path.name} does not hold each of {plants} once.")
    return {row["Power Plant ID"]: row for row in rows}


def _number(text: str) -> float:
    """Read a number of the database, which writes thousands as ``2,311``."""
    return float(text.replace(",", ""))


def _reported_mwh(row: dict[str, str]) -> float | None:
    text = row["Annual Generation (GWh)"]
    return _number(text) * 1000 if text else None


def _usual_hours(rows: list[dict[str, str]]) -> float:
    reported = [row for row in rows if _reported_mwh(row) is not None]
    energy = sum(_reported_mwh(row) or 0.0 for row in reported)
    return energy / sum(_number(row["Capacity (MW)"]) for row in reported)


def factor_tco2e_mwh(assumed: dict[tuple[str, str], str], fuel: str) -> float:
    """CO2e per net MWh of electricity from burning ``fuel``."""
    ch4 = float(assumed["ch4_factor", "any"]) * float(assumed["ch4_gwp", "any"])
    n2o = float(assumed["n2o_factor", "any"]) * float(assumed["n2o_gwp", "any"])
    kg_per_gj = float(assumed["co2_factor", fuel]) + ch4 + n2o
    return kg_per_gj * T_PER_KG * GJ_PER_MWH / float(assumed["net_efficiency", fuel])


def _row(
    plant: dict[str, str],
    found: dict[str, str],
    assumed: dict[tuple[str, str], str],
    usual_hours: float,
) -> dict[str, object]:
    capacity = _number(found["Capacity (MW)"])
    energy = _reported_mwh(found)
    hours = round(usual_hours if energy is None else energy / capacity, 1)
    factor = round(factor_tco2e_mwh(assumed, plant["fuel"]), 4)
    note = (
        "; the database has no year and no generation: year and hours of the other four"
        if energy is None
        else ", hours = generation reported for the year / capacity"
    )
    return {
        "source_id": plant["source_id"],
        "name": plant["name"],
        "name_zh": plant["name_zh"],
        "sector": "power",
        "fuel": plant["fuel"],
        "year": int(_number(found["Year of Data"] or "2018")),
        "longitude": float(found["Longitude"]),
        "latitude": float(found["Latitude"]),
        "capacity_mw": capacity,
        "hours_yr": hours,
        "factor_tco2e_mwh": factor,
        "emission_tco2e_yr": round(capacity * hours * factor),
        "estimated": 1,
        "reference": REFERENCE.format(plant=plant["gppd_id"], hours=note),
    }
