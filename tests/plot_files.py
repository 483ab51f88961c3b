"""Tree lists as crews deliver them, for tests of the command that weighs them."""

from pipelines.plot_run import run_plots
from pipelines.plots import PlotRequest

TREES = "plot_id,tree_id,species,dbh_cm,height_m\n"
PLOTS = "plot_id,area_ha\n"
FIRS = "".join(f"a,{n},杉木,14,11\n" for n in range(1, 41))
"""Forty of the fir of T7."""


def request_of(folder, trees=TREES + FIRS, plots=PLOTS + "a,0.04\n", **more):
    """Write the tables, text or bytes, and ask for their plots."""
    for name, content in (("trees.csv", trees), ("plots.csv", plots)):
        given = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(given)
    tree_columns = dict.fromkeys(
        ("plot_id", "tree_id", "species", "dbh", "height", "wood_density", "per_ha"), ""
    )
    defaults = {
        "trees": folder / "trees.csv",
        "plots": folder / "plots.csv",
        "out": folder / "out.csv",
        "tree_columns": tree_columns | more.pop("tree_columns", {}),
        "tree_units": {},
        "plot_columns": {"plot_id": "", "area": "", "slope": ""},
        "plot_units": {},
        "equation": "",
        "species_map": None,
        "own_equations": None,
        "stress": None,
        "height_curve": "",
        "area_along_slope": False,
        "root_shoot": "",
        "carbon_fraction": "any",
        "draws": 100,
        "seed": 0,
        "trees_out": None,
    }
    return PlotRequest(**(defaults | more))


def run(folder, *tables, **more):
    """Run the command on tables; return its card."""
    return run_plots(request_of(folder, *tables, **more))
