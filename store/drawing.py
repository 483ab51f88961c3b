"""Ground for every picture: one style, one font, measured text, nothing left behind."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import matplotlib as mpl
import matplotlib.style
import numpy as np
import shapely
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, FontProperties, fontManager
from matplotlib.path import Path as Outline
from numpy.typing import NDArray
from shapely import Polygon
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

from geo.layers import Band
from store.files import writing

INK = "#22312b"
MUTED = "#66756f"
ACCENT = "#1f6f54"
WARNING = "#b35806"
PAPER = "#ffffff"
BOLD = 700
"""The weight of a bold face."""

EMPTY = "#e4e4e0"
"""No data."""

_drawing = Lock()


@dataclass(frozen=True, slots=True)
class Words:
    """Chinese beside English, or English alone where no font has the characters."""

    family: str | None

    def both(self, zh: str, en: str, *, between: str = " ") -> str:
        return f"{zh}{between}{en}" if self.family else en

    def one(self, zh: str, en: str) -> str:
        """Return ``zh`` where it can be drawn."""
        return zh if self.family and zh else en

    def name(self, text: str) -> str:
        """Return ``text`` if all of it can be drawn, and nothing otherwise."""
        return text if self.legible(text) == text else ""

    def legible(self, text: str) -> str:
        """Return what of ``text`` can be drawn."""
        if self.family:
            return text
        return "".join(c for c in text if not is_wide(c)).strip()


@contextmanager
def drawing(font: Path | None) -> Iterator[Words]:
    """Draw in the project's style whatever the user's own settings are.

    One drawing at a time: the style is matplotlib's own global state, put back after.
    Without a Chinese ``font`` every text is English.
    """
    with _drawing, matplotlib.style.context("default"), mpl.rc_context():
        mpl.rcParams.update(
            {
                "axes.edgecolor": MUTED,
                "axes.linewidth": 0.6,
                "axes.unicode_minus": False,
                "hatch.linewidth": 0.6,
                "savefig.facecolor": PAPER,
                "text.color": INK,
                "text.parse_math": False,
                "xtick.color": MUTED,
                "ytick.color": MUTED,
            }
        )
        family = _register(font) if font is not None else None
        names = [family] if family else []
        mpl.rcParams["font.family"] = [*names, "DejaVu Sans"]
        yield Words(family)


def _register(path: Path) -> str:
    """Make the faces of ``path``, and of its bold sibling, known; return the family."""
    bold = path.with_name(path.name.replace("Regular", "Bold"))
    for file in (path, bold):
        if file.is_file() and not _faces(file):
            fontManager.addfont(str(file))
    if bold == path or not bold.is_file():
        _stand_in_for_bold(path)
    names = [face.name for face in _faces(path)]
    simplified = [name for name in names if name.endswith(" SC")]
    return (simplified or names)[0]


def _stand_in_for_bold(path: Path) -> None:
    """Let the regular faces of ``path`` be found, without a warning, for bold ones."""
    faces = _faces(path)
    if not any(face.weight == BOLD for face in faces):
        fontManager.ttflist.extend(replace(face, weight=BOLD) for face in faces)


def _faces(path: Path) -> list[FontEntry]:
    return [
        face
        for face in fontManager.ttflist
        if face.fname == str(path) and "Mono" not in face.name
    ]


def sheet(width_in: float, height_in: float, *, dpi: int) -> Figure:
    """Return an empty figure with its own canvas; pyplot never hears of it."""
    figure = Figure(figsize=(width_in, height_in), dpi=dpi)
    FigureCanvasAgg(figure)
    return figure


def save_png(figure: Figure, path: Path) -> None:
    """Write ``figure`` whole or not at all, without a date or a program's version."""
    with writing(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def save_pdf(figure: Figure, path: Path) -> None:
    """Write ``figure`` as a page of vectors, without a date or a program's version."""
    nothing = {"Creator": None, "Producer": None, "CreationDate": None}
    with writing(path) as temporary:
        figure.savefig(temporary, format="pdf", metadata=nothing)


def is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


def text_width_in(figure: Figure, text: str, font: FontProperties) -> float:
    """Return the width of one line of ``text`` on ``figure``, in inches."""
    drawn = figure.text(0, 0, text, fontproperties=font)
    width = drawn.get_window_extent().width / figure.dpi
    drawn.remove()
    return float(width)


def wrapped(
    figure: Figure, text: str, font: FontProperties, *, width_in: float
) -> list[str]:
    """Break ``text`` at spaces, and between Chinese characters, to fit ``width_in``."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line and text_width_in(figure, (line + piece).rstrip(), font) > width_in:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()]


def _pieces(text: str) -> Iterator[str]:
    word = ""
    for character in text:
        if is_wide(character) and unicodedata.category(character)[0] != "P":
            if word:
                yield word
            word = character
        elif character == " ":
            yield word + " "
            word = ""
        else:
            word += character
    yield word


def colours_of(band: Band) -> tuple[Colormap, Normalize]:
    """Return the band's ramp as matplotlib knows it; beyond its ends is the end."""
    low, high = band.ramp[0][0], band.ramp[-1][0]
    stops = [((value - low) / (high - low), colour) for value, colour in band.ramp]
    return (
        LinearSegmentedColormap.from_list(band.name, stops),
        Normalize(low, high, clip=True),
    )


def outlines(geometries: Iterable[BaseGeometry]) -> list[Outline]:
    """Return polygons with their holes as matplotlib draws them."""
    return [_outline(geometry) for geometry in geometries]


def _outline(geometry: BaseGeometry) -> Outline:
    # A hole is one only where it runs against its shell.
    polygons = [
        orient(part)
        for part in shapely.get_parts(geometry)
        if isinstance(part, Polygon) and not part.is_empty
    ]
    rings: list[NDArray[np.float64]] = [
        shapely.get_coordinates(ring)
        for polygon in polygons
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    if not rings:
        return Outline(np.empty((0, 2)))
    return Outline.make_compound_path(*(Outline(ring, closed=True) for ring in rings))


def round_length(largest: float) -> float:
    """Return the largest of 1, 2 or 5 times a power of ten up to ``largest``."""
    power = 10.0 ** np.floor(np.log10(largest))
    return float(max(step * power for step in (1, 2, 5) if step * power <= largest))


def ticks_between(low: float, high: float, *, count: int) -> Sequence[float]:
    """Return up to ``count`` + 1 round numbers between ``low`` and ``high``."""
    step = round_length((high - low) / max(count, 1))
    first = np.ceil(low / step)
    return [float(n * step) for n in np.arange(first, np.floor(high / step) + 1)]
