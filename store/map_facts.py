"""The small print of a map: projection, data, licences, and what is doubtful."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from geo.grid import Grid
from store.drawing import MUTED, WARNING, Words, wrapped
from store.map_parts import crs_text, font
from store.map_text import EDGE_IN, at
from store.record import NightRecord


@dataclass(frozen=True, slots=True)
class Block:
    """A column of small print; ``loud`` paragraphs are set in the warning colour."""

    paragraphs: tuple[tuple[str, bool], ...]


def place_texts(words: Words, grid: Grid, turn_deg: float) -> tuple[str, str]:
    """Return what a map must say of its projection and of its cells and north.

    ``turn_deg`` is the azimuth of the grid's north, east of true north.
    """
    side_zh, side_en = ("西", "west") if turn_deg > 0 else ("东", "east")
    north = ""
    if abs(turn_deg) >= 0.5:
        north = words.both(
            f"箭头为格网北，真北偏{side_zh} {abs(turn_deg):.1f}°。",
            f"Arrow: grid north; true north is {abs(turn_deg):.1f}° {side_en} of it.",
        )
    return (
        f"{words.both('坐标系', 'CRS')}: {crs_text(grid)}",
        f"{words.both('像元', 'cell')}: {grid.cell_m:g} m. {north}",
    )


def _blocks(
    words: Words, record: NightRecord, grid: Grid, turn_deg: float
) -> tuple[Block, ...]:
    place = (
        *((text, False) for text in place_texts(words, grid, turn_deg)),
        (
            words.both(
                "± 为标准误；底图为本季真彩色合成。",
                "± is one standard error. Background: the season's true-colour median.",
            ),
            False,
        ),
    )
    credit = words.both("数据来源", "Data")
    data = tuple(
        (f"{credit}: {words.legible(text)}" if n == 0 else words.legible(text), False)
        for n, text in enumerate(record.sources)
    )
    return (Block(place), Block(data), Block(_statements(words, record)))


def _statements(words: Words, record: NightRecord) -> tuple[tuple[str, bool], ...]:
    said: list[tuple[str, bool]] = []
    simulated = [words.legible(text) for text in record.simulated]
    if simulated:
        listed = "; ".join(text for text in simulated if text)
        said.append((f"{words.both('含模拟数据', 'simulated')}: {listed}", True))
    unverified = sum(row.status == "unverified" for row in record.coefficients)
    if unverified:
        said.append(
            (
                words.both(
                    f"使用了{unverified}个未经核实的系数。",
                    f"Unverified coefficients used: {unverified}.",
                ),
                True,
            )
        )
    if record.attentions:
        count = len(record.attentions)
        said.append(
            (
                words.both(
                    f"{count}项需关注，见报告。", f"See the report on {count} issues."
                ),
                True,
            )
        )
    said.append((f"{words.both('运行', 'run')} {record.run_id}", False))
    return tuple(said)


_PRINT_SIZE = 6.2
_PRINT_STEP_IN = 0.118
_COLUMNS = (0.36, 0.36, 0.28)
_COLUMN_GAP_IN = 0.3


def _set_blocks(
    figure: Figure, blocks: Sequence[Block]
) -> list[list[tuple[str, bool]]]:
    room = figure.get_size_inches()[0] - 2 * EDGE_IN
    columns = []
    for share, block in zip(_COLUMNS, blocks, strict=True):
        lines: list[tuple[str, bool]] = []
        for text, loud in block.paragraphs:
            print_font = font(_PRINT_SIZE, bold=loud)
            width = share * room - _COLUMN_GAP_IN
            lines += [
                (line, loud)
                for line in wrapped(figure, text, print_font, width_in=width)
            ]
        columns.append(lines)
    return columns


def facts_height_in(
    figure: Figure, words: Words, record: NightRecord, grid: Grid, *, turn_deg: float
) -> float:
    """Return the height that ``draw_facts`` needs, so that nothing is cut."""
    return blocks_height_in(figure, _blocks(words, record, grid, turn_deg))


def blocks_height_in(figure: Figure, blocks: Sequence[Block]) -> float:
    """Return the height that ``draw_blocks`` needs, so that nothing is cut."""
    return max(len(lines) for lines in _set_blocks(figure, blocks)) * _PRINT_STEP_IN


def draw_facts(
    figure: Figure, words: Words, record: NightRecord, grid: Grid, *, turn_deg: float
) -> None:
    """Write the small print in three columns: map, data and licences, statements."""
    draw_blocks(figure, _blocks(words, record, grid, turn_deg))


def draw_blocks(figure: Figure, blocks: Sequence[Block]) -> None:
    """Write three columns of small print along the foot of the sheet."""
    wide, _ = figure.get_size_inches()
    columns = _set_blocks(figure, blocks)
    top = EDGE_IN + max(len(lines) for lines in columns) * _PRINT_STEP_IN
    room = wide - 2 * EDGE_IN
    left = EDGE_IN
    for share, lines in zip(_COLUMNS, columns, strict=True):
        for number, (line, loud) in enumerate(lines):
            figure.text(
                *at(figure, left, top - number * _PRINT_STEP_IN),
                line,
                fontproperties=font(_PRINT_SIZE, bold=loud),
                color=WARNING if loud else MUTED,
                va="top",
            )
        left += share * room
