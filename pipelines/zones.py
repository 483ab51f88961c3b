"""The planner's door: a request in, ranked zones with their certificate out."""

import shutil
from collections.abc import Callable
from pathlib import Path

from config.settings import Settings
from config.zone_request import ZoneRequest
from geo.errors import StoreError
from models.siting.solution import Solution
from pipelines.context import Progress, silent
from pipelines.zone_answer import Solved, tell
from pipelines.zone_problem import pose, robustness, scheduled, solved
from pipelines.zone_units import Candidates, candidates
from pipelines.zone_whatif import what_if
from store.catalog import Facts, read_manifest, write_whole
from store.zone_files import Answer, write_answer

Build = Callable[[Path], Facts]


def make_zones(
    settings: Settings,
    request: ZoneRequest,
    text: str,
    out: Path | None = None,
    progress: Progress = silent,
) -> Path:
    """Answer a request and write it, whole or not at all; return its folder.

    The same request on the same night and code gives the same bytes.

    Parameters
    ----------
    text
        The request as it was written, echoed beside the answer.
    out
        A new folder, or one that holds an earlier answer, which it replaces; by default
        ``zones/<region>/<answer>`` of the data folder.

    Raises
    ------
    ForestsinkError
        As ``answer``; ``StoreError`` for a folder that holds something else.
    """
    if out is not None:
        require_ours(out, "answer_id")
    found = answer(settings, request, progress)
    name = found.record.answer_id
    usual = settings.home / "zones" / settings.region.name / name
    folder = out if out is not None else usual
    grid = settings.region.grid.grid()

    def build(temporary: Path) -> Facts:
        write_answer(temporary, found, grid, request=text)
        return {"zones": len(found.zones), "gap_pct": found.record.certificate.gap_pct}

    progress("zone files", 0, 1)
    put_in_place(folder, build, {"answer_id": name})
    progress("zone files", 1, 1)
    return folder


def answer(
    settings: Settings, request: ZoneRequest, progress: Progress = silent
) -> Answer:
    """Choose the zones; nothing is written.

    Raises
    ------
    SettingsError
        The request does not fit the region: no such night, unknown parcels, a budget
        beyond all land, weights of criteria without a layer.
    InfeasibleError
        Its limits contradict one another, by how much.
    """
    progress("zone land", 0, 1)
    land = candidates(settings, request)
    progress("zone land", 1, 1)
    progress("zone choice", 0, 1)
    posed = pose(land, request)
    solution = solved(posed, land, request)
    progress("zone choice", 1, 1)
    progress("zone draws", 0, 1)
    robust = robustness(posed, solution, land, request)
    progress("zone draws", 1, 1)

    def schedule(found: Solution) -> Candidates:
        return scheduled(posed, found, land, request)

    others = what_if(schedule, posed, solution, request.horizon, progress)
    planted = schedule(solution)
    return tell(Solved(settings, request, planted, posed, solution, robust, others))


def put_in_place(folder: Path, build: Build, about: dict[str, object]) -> None:
    """Write a folder whole beside ``folder``, then put it in its place.

    What was there before stays until the new one is complete; a run that was killed
    between the two renames is undone by the next.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = (folder.with_name(f".{folder.name}.{what}") for what in ("new", "old"))
    if old.exists() and not folder.exists():
        old.replace(folder)
    write_whole(fresh, build, about=about)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    fresh.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def require_ours(out: Path, mark: str) -> None:
    """Refuse to replace a folder that holds anything but what bears ``mark``.

    Raises
    ------
    StoreError
        It holds something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    manifest = read_manifest(out) if out.is_dir() else None
    if manifest is None or mark not in manifest:
        raise StoreError(
            f"{out.name} exists and holds no earlier answer; it is left alone.",
            zh=f"输出目录 {out.name} 已存在且不是以前的规划结果，未作改动。"
            "请换一个目录。",
            cure="Name a new folder with --out.",
            file=out.name,
        )
