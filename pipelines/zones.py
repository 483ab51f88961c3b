"""The planner's door: a request in, ranked zones with their certificate out."""

from pathlib import Path

from config.settings import Settings
from config.zone_request import ZoneRequest
from geo.errors import StoreError
from pipelines.zone_answer import Answer, Solved, tell
from pipelines.zone_problem import pose, robustness, scheduled, solved
from pipelines.zone_units import candidates
from store.catalog import Facts, read_manifest, write_whole
from store.zone_files import write_answer


def make_zones(
    settings: Settings, request: ZoneRequest, text: str, out: Path | None = None
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
        _require_ours(out)
    found = answer(settings, request)
    name = found.record.answer_id
    usual = settings.home / "zones" / settings.region.name / name
    folder = out if out is not None else usual
    grid = settings.region.grid.grid()

    def build(temporary: Path) -> Facts:
        (temporary / "request.toml").write_text(text, encoding="utf-8")
        write_answer(
            temporary,
            record=found.record,
            zones=found.zones,
            units=found.units,
            grid=grid,
        )
        return {"zones": len(found.zones), "gap_pct": found.record.certificate.gap_pct}

    folder.parent.mkdir(parents=True, exist_ok=True)
    write_whole(folder, build, about={"answer_id": name})
    return folder


def answer(settings: Settings, request: ZoneRequest) -> Answer:
    """Choose the zones; nothing is written.

    Raises
    ------
    SettingsError
        The request does not fit the region: no such night, unknown parcels, a budget
        beyond all land, weights of criteria without a layer.
    InfeasibleError
        Its limits contradict one another, by how much.
    """
    land = candidates(settings, request)
    posed = pose(land, request)
    solution = solved(posed, land, request)
    land = scheduled(posed, solution, land, request)
    robust = robustness(posed, solution, land, request)
    return tell(Solved(settings, request, land, posed, solution, robust))


def _require_ours(out: Path) -> None:
    """Refuse to replace a folder that holds anything but an earlier answer."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    manifest = read_manifest(out) if out.is_dir() else None
    if manifest is None or "answer_id" not in manifest:
        raise StoreError(
            f"{out.name} exists and holds no earlier answer; it is left alone.",
            zh=f"输出目录 {out.name} 已存在且不是以前的规划结果，未作改动。"
            "请换一个目录。",
            cure="Name a new folder with --out.",
            file=out.name,
        )
