"""The words on a map: header, key figures, names of panels, parcels and sources."""

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch
from matplotlib.transforms import Bbox

from geo.parcels import BY_NAME
from store.drawing import ACCENT, INK, MUTED, WARNING, Words, text_width_in
from store.map_parts import HALO, Bearing, compass_point, font, sheet_of
from store.numbers import days_text, plus_minus
from store.record import NightRecord

EDGE_IN = 0.45
COMPLETE = "#1a7f4b"
MOST_LABELS = 150
MOST_SOURCES = 6


@dataclass(frozen=True, slots=True)
class Slot:
    """A rectangle of the sheet, in inches from its lower left corner."""

    left: float
    bottom: float
    width: float
    height: float

    def axes(self, figure: Figure) -> Axes:
        wide, high = figure.get_size_inches()
        return figure.add_axes(
            (
                self.left / wide,
                self.bottom / high,
                self.width / wide,
                self.height / high,
            )
        )


def at(figure: Figure, x_in: float, y_in: float) -> tuple[float, float]:
    """Return a place of the sheet, in inches, as a share of its width and height."""
    wide, high = figure.get_size_inches()
    return x_in / float(wide), y_in / float(high)


def draw_header(figure: Figure, words: Words, record: NightRecord) -> None:
    """Write title, night, season and a badge that says complete or incomplete."""
    wide, high = figure.get_size_inches()
    zh, en = f"{record.title_zh} · 碳汇监测", f"{record.title} · forest carbon sink"
    right_in = 3.3
    room = wide - 2 * EDGE_IN - right_in
    size = _size_that_fits(figure, words.one(zh, en), room, sizes=(22, 19, 16, 13))
    main = clipped(figure, words.one(zh, en), font(size, bold=True), room_in=room)
    figure.text(
        *at(figure, EDGE_IN, high - 0.72),
        main,
        fontproperties=font(size, bold=True),
        color=ACCENT,
    )
    if words.family:
        size = _size_that_fits(figure, en, room, sizes=(11, 10, 9, 8))
        en = clipped(figure, en, font(size), room_in=room)
        figure.text(*at(figure, EDGE_IN, high - 0.98), en, fontsize=size, color=MUTED)
    _badge(figure, words, record)


def _size_that_fits(
    figure: Figure, text: str, room_in: float, *, sizes: Sequence[float]
) -> float:
    fits = (
        s for s in sizes if text_width_in(figure, text, font(s, bold=True)) < room_in
    )
    return next(fits, sizes[-1])


def _badge(figure: Figure, words: Words, record: NightRecord) -> None:
    wide, high = figure.get_size_inches()
    right = wide - EDGE_IN
    whole = record.status == "complete"
    said = (
        words.both("完整", "complete") if whole else words.both("不完整", "incomplete")
    )
    seen = f"{words.both('已观测', 'observed')} {record.observed_pct:.1f} %"
    figure.text(
        *at(figure, right - 0.08, high - 0.55),
        f"{said} · {seen}",
        fontproperties=font(8.5, bold=True),
        color="white",
        ha="right",
        va="center",
        bbox={
            "boxstyle": "round,pad=0.45",
            "fc": COMPLETE if whole else WARNING,
            "ec": "none",
        },
    )
    figure.text(
        *at(figure, right, high - 0.86),
        f"{words.both('监测夜', 'night')} {record.night:%Y-%m-%d}",
        fontsize=8,
        ha="right",
        va="center",
    )
    figure.text(
        *at(figure, right, high - 1.03),
        f"{words.both('季节', 'season')} {days_text(record.season)}",
        fontsize=7,
        color=MUTED,
        ha="right",
        va="center",
    )


def draw_figures(
    figure: Figure, words: Words, record: NightRecord, *, top_in: float
) -> None:
    """Write the totals as cards in a row: value, standard error, unit, name."""
    cards = []
    for total in record.totals[:4]:
        column = BY_NAME.get(total.name)
        zh, en = (column.title_zh, column.title) if column else ("", total.name)
        value = f"{plus_minus(total.value, total.se)} {total.unit}"
        cards.append((value, f"{zh} {en}" if words.family else en))
    draw_cards(figure, cards, top_in=top_in)


def draw_cards(
    figure: Figure, cards: Sequence[tuple[str, str]], *, top_in: float
) -> None:
    """Write cards in a row across the sheet: a figure, and below it what it is."""
    wide, high = figure.get_size_inches()
    gap, count = 0.14, max(len(cards), 1)
    width = (wide - 2 * EDGE_IN - gap * (count - 1)) / count
    for number, (value, label) in enumerate(cards):
        left = EDGE_IN + number * (width + gap)
        figure.add_artist(
            FancyBboxPatch(
                (left / wide, (top_in - 0.5) / high),
                width / wide,
                0.5 / high,
                boxstyle="round,pad=0,rounding_size=0.006",
                fc="#eef4f0",
                ec="none",
                transform=figure.transFigure,
                zorder=-1,
            )
        )
        room = width - 0.2
        size = _size_that_fits(figure, value, room, sizes=(11.5, 10.5, 9.5, 8.5, 7.5))
        figure.text(
            *at(figure, left + 0.12, top_in - 0.24),
            value,
            fontproperties=font(size, bold=True),
            color=INK,
        )
        size = _size_that_fits(figure, label, room, sizes=(6.8, 6.3, 5.8, 5.3, 4.9))
        figure.text(
            *at(figure, left + 0.12, top_in - 0.42),
            clipped(figure, label, font(size), room_in=room),
            fontsize=size,
            color=MUTED,
        )


def panel_title(
    axes: Axes, words: Words, zh: str, en: str, *, room_in: float | None = None
) -> None:
    """Write the panel's name above its frame, in both languages if there is room.

    The room is the panel's own width unless ``room_in`` says how much there is.
    """
    figure = sheet_of(axes)
    if room_in is None:
        room_in = axes.get_position().width * figure.get_size_inches()[0]
    for text, size in (
        (words.both(zh, en, between="  "), 9),
        (words.both(zh, en, between="  "), 7.5),
        (words.one(zh, en), 8),
    ):
        if text_width_in(figure, text, font(size, bold=True)) < room_in:
            break
    axes.set_title(
        text, loc="left", pad=4, fontproperties=font(size, bold=True), color=INK
    )


def label_parcels(
    axes: Axes,
    parcels: gpd.GeoDataFrame,
    texts: Sequence[Sequence[str]],
    *,
    size: float,
) -> None:
    """Label the parcels that have room for it, the largest first; the rest stay bare.

    ``texts`` holds, for each parcel, what may be written, the best first.
    """
    taken: list[Bbox] = []
    order = np.argsort(-parcels.geometry.area.to_numpy(), kind="stable")
    for number in order[:MOST_LABELS]:
        shape = parcels.geometry.iloc[number]
        point = shape.representative_point()
        for text in texts[number]:
            label = axes.text(
                point.x,
                point.y,
                text,
                fontsize=size,
                ha="center",
                va="center",
                zorder=6,
                path_effects=HALO,
            )
            box = label.get_window_extent()
            if _has_room(axes, box, shape.bounds, taken):
                taken.append(box)
                break
            label.remove()


def _has_room(
    axes: Axes,
    box: Bbox,
    bounds: tuple[float, float, float, float],
    taken: Sequence[Bbox],
) -> bool:
    corners = axes.transData.transform(np.reshape(bounds, (2, 2)))
    wide, high = np.abs(corners[1] - corners[0])
    frame = axes.get_window_extent()
    inside = frame.x0 < box.x0 and box.x1 < frame.x1
    fits = box.width < 0.95 * wide and box.height < 0.5 * high
    return bool(inside and fits and not any(box.overlaps(other) for other in taken))


def draw_sources(
    figure: Figure, slot: Slot, words: Words, found: Sequence[Bearing]
) -> None:
    """List the nearest sources: number, name, distance, direction, emissions."""
    top = slot.bottom + slot.height
    shown = found[:MOST_SOURCES]
    figure.text(
        *at(figure, slot.left, slot.bottom + 0.01),
        words.both("■ 监测区　● 面积示排放量", "■ region  ● area: emissions"),
        fontsize=5.2,
        color=MUTED,
        va="bottom",
    )
    step = min(0.3, (slot.height - 0.25) / max(len(shown), 1))
    for number, each in enumerate(shown, start=1):
        y = top - 0.02 - (number - 1) * step
        name = clipped(figure, f"{number}  {each.name}", font(6.8), room_in=slot.width)
        figure.text(*at(figure, slot.left, y), name, fontsize=6.8, va="top")
        amount = _amount(each.emission_t_yr, words)
        where = f"{each.distance_km:.0f} km {compass_point(each.azimuth_deg)}"
        figure.text(
            *at(figure, slot.left + 0.12, y - 0.125),
            f"{where} · {amount}",
            fontsize=5.8,
            color=MUTED,
            va="top",
        )
    if len(found) > len(shown):
        more = len(found) - len(shown)
        figure.text(
            *at(figure, slot.left, slot.bottom + 0.12),
            words.both(f"另有{more}处", f"and {more} more"),
            fontsize=5.8,
            color=MUTED,
            va="bottom",
        )


def _amount(emission_t_yr: float, words: Words) -> str:
    if not emission_t_yr > 0:
        return words.both("排放未知", "unknown")
    if emission_t_yr < 100_000:
        return f"{emission_t_yr:,.0f} t CO2e/yr"
    return f"{emission_t_yr / 1e6:.1f} Mt CO2e/yr"


def clipped(figure: Figure, text: str, look: FontProperties, *, room_in: float) -> str:
    """Return ``text``, cut with an ellipsis where it is wider than ``room_in``."""
    if text_width_in(figure, text, look) <= room_in:
        return text
    while text and text_width_in(figure, f"{text}…", look) > room_in:
        text = text[:-1]
    return f"{text}…"
