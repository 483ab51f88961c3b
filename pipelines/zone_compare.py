"""Two requests, or two answers, side by side."""

from pathlib import Path

from config.settings import Settings
from config.zone_request import read_request_file
from geo.errors import SettingsError
from pipelines.context import Progress, silent
from pipelines.zones import make_zones, put_in_place, require_ours
from store.catalog import Facts
from store.zone_compare import Stored, compared, read_stored
from store.zone_compare_files import write_comparison

MARK = "compare_id"


def compare_zones(
    settings: Settings | None,
    pair: tuple[Path, Path],
    home: Path,
    out: Path | None = None,
    progress: Progress = silent,
) -> Path:
    """Compare two answers and write what they share; return the folder.

    Parameters
    ----------
    settings
        Of the region that requests are answered for; None where both are answers.
    pair
        Folders of answers, or files of requests, which are answered first and kept in
        ``zones/<region>`` of the data folder.
    out
        A new folder, or that of an earlier comparison; by default
        ``zones/<region>/compare/<comparison>`` of the data folder ``home``.

    Raises
    ------
    SettingsError, InfeasibleError
        A request cannot be answered, or there is no region to answer it for.
    StoreError
        A folder is no answer, or the answers are of two regions.
    """
    if out is not None:
        require_ours(out, MARK)
    first, second = (_stored(settings, path, progress) for path in pair)
    found = compared(first, second)
    name = found.record.compare_id
    usual = home / "zones" / found.record.a.region / "compare" / name
    folder = out if out is not None else usual

    def build(temporary: Path) -> Facts:
        write_comparison(temporary, found)
        return {"a": first.record.answer_id, "b": second.record.answer_id}

    put_in_place(folder, build, {MARK: name})
    return folder


def _stored(settings: Settings | None, path: Path, progress: Progress) -> Stored:
    if path.is_dir():
        return read_stored(path)
    asked, text = read_request_file(path)
    if settings is None:
        raise SettingsError(
            f"{path.name} is a request; which region is it about?",
            zh=f"{path.name} 是请求文件，请用 --region 指明区域。",
            cure="Name the region with --region.",
            field="region",
            item=path.name,
        )
    return read_stored(make_zones(settings, asked, text, None, progress))
