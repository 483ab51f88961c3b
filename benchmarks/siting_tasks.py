"""The measurements of siting. Run as a program: name of the task, arguments as JSON."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from planned import planned_region, planned_settings
from simulated import sites

from config.zone_request import read_request
from models.siting.blocks import BlockLayers, from_blocks
from models.siting.exact import Effort, branch
from models.siting.problem import Limits, Problem
from models.siting.program import program_of
from models.siting.robust import Spread, selection_frequency
from models.siting.solution import gap_pct
from models.siting.solve import solve
from pipelines.zones import make_zones
from store.lockdown import lock_down

Figures = dict[str, Any]

BLOCK_M = 200.0


def problem_of(side: int, seed: int, penalty: float, share: float) -> Problem:
    """Return a simulated request for a ``share`` of what all blocks would cost."""
    benefit, cost = sites(side, seed)
    layers = BlockLayers(np.ones((side, side), bool), benefit, cost, np.array(4.0))
    made = from_blocks(layers, block_m=(BLOCK_M, BLOCK_M))
    limits = Limits(budget_cny=share * float(cost.sum()))
    return Problem(made.units, made.borders, limits, penalty)


def peak_mb() -> int:
    """Return the most memory that this process has held, MB."""
    kilo = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilo // 1_000_000


def ours(side: int, seed: int, penalty: float, share: float) -> Figures:
    """Solve by cuts."""
    start = time.perf_counter()
    problem = problem_of(side, seed, penalty, share)
    made = time.perf_counter() - start
    start, busy = time.perf_counter(), time.process_time()
    found = solve(problem)
    return {
        "units": len(problem.units),
        "found": True,
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - busy,
        "problem_seconds": made,
        "peak_mb": peak_mb(),
        "gap_pct": found.gap_pct,
        "objective": found.objective,
        "bound": found.bound,
        "solver": found.solver,
    }


def highs(side: int, seed: int, penalty: float, share: float, limit: float) -> Figures:
    """Solve the same problem as one mixed-integer programme."""
    program = program_of(problem_of(side, seed, penalty, share))
    start, busy = time.perf_counter(), time.process_time()
    found = branch(program, Effort(nodes=10**9, seconds=limit, gap=1e-4))
    told = {
        "units": len(program),
        "found": found.chosen is not None,
        "finished": found.is_finished,
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - busy,
        "peak_mb": peak_mb(),
    }
    if found.chosen is not None:
        value = program.value(found.chosen)
        told |= {"objective": value, "gap_pct": gap_pct(value, found.bound)}
    return told


def robust(side: int, seed: int, penalty: float, share: float, draws: int) -> Figures:
    """Count how often units are chosen over ``draws``."""
    problem = problem_of(side, seed, penalty, share)
    selected = solve(problem).selected
    start, busy = time.perf_counter(), time.process_time()
    found = selection_frequency(problem, selected, Spread(), draws=draws)
    return {
        "units": len(problem.units),
        "draws": draws,
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - busy,
        "peak_mb": peak_mb(),
        "worst_gap_pct": found.worst_gap_pct,
        "firm_share": float((found.verdict[selected] == 3).mean()),
    }


REQUEST = """
max_area_ha = {area}
boundary_penalty = 0.1
species_group = "best"
plan_end = 2030
"""
"""Everything else is as a planner gets it by default, 20 draws too."""


def region(home: str, side: int, parcels: int) -> Figures:
    """Make the region that ``request`` is about; its time is not the request's."""
    lock_down()
    start = time.perf_counter()
    planned_region(Path(home), side=side, parcels=parcels)
    return {"seconds": time.perf_counter() - start}


def request(home: str, side: int, share: float) -> Figures:
    """Answer a planner's request from files to files: screening to zones and map.

    ``share`` is the part of all land, about an eighth of which may be planted.
    """
    lock_down()
    settings = planned_settings(Path(home), side=side)
    text = REQUEST.format(area=round(share * side * side / 100))
    start, busy = time.perf_counter(), time.process_time()
    folder = make_zones(settings, read_request(text, file="request.toml"), text)
    seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    told = json.loads((folder / "zones.json").read_text(encoding="utf-8"))
    return {
        "cells": side * side,
        "parcels": told["units"],
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mb": peak_mb(),
        "gap_pct": told["certificate"]["gap_pct"],
        "zones": len(told["zones"]),
        "eligible_ha": told["eligible_ha"],
    }


TASKS: dict[str, Callable[..., Figures]] = {
    "ours": ours,
    "highs": highs,
    "robust": robust,
    "region": region,
    "request": request,
}

if __name__ == "__main__":
    measured = TASKS[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps(measured))
