"""Pictures of a model: predicted against observed, residuals, variogram, importance."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from store.drawing import ACCENT, INK, MUTED, WARNING, Words, drawing, save_png, sheet
from store.fonts import chinese_font

Floats = NDArray[np.float64]

SHEET_IN = (5.4, 4.8)
DPI = 150
MOST_BARS = 20
Z_90 = 1.645


@dataclass(frozen=True, slots=True, eq=False)
class ModelPictures:
    """What is drawn: plots (n,) on blocks that the model had not seen.

    ``distance_m`` and ``semivariance`` (classes,) are of the residuals,
    ``fitted`` (m, 2) the curve through them; ``headline`` is put above the scatter.
    """

    target: str
    unit: str
    headline: str
    headline_zh: str
    observed: Floats
    predicted: Floats
    sd: Floats
    x: Floats
    y: Floats
    distance_m: Floats
    semivariance: Floats
    fitted: Floats
    importance: dict[str, float]
    upper_valid_limit: float | None


def draw_model(
    folder: Path, pictures: ModelPictures, *, font: Path | None = None
) -> list[str]:
    """Draw four PNGs into ``folder`` and return their names.

    ``font`` None looks for a Chinese font; without one, pictures are in English.
    """
    with drawing(font if font is not None else chinese_font()) as words:
        for name, draw in PICTURES.items():
            figure = sheet(*SHEET_IN, dpi=DPI)
            axes = figure.add_axes((0.15, 0.13, 0.79, 0.74))
            axes.tick_params(labelsize=8)
            draw(figure, axes, words, pictures)
            save_png(figure, folder / name)
    return list(PICTURES)


def _scatter(figure: Figure, axes: Axes, words: Words, told: ModelPictures) -> None:
    axes.errorbar(
        told.predicted,
        told.observed,
        xerr=Z_90 * told.sd,
        fmt="o",
        ms=3.5,
        color=ACCENT,
        ecolor="#c9d8d1",
        elinewidth=0.7,
        zorder=2,
    )
    low = float(min(told.observed.min(), told.predicted.min()))
    high = float(max(told.observed.max(), told.predicted.max()))
    axes.plot([low, high], [low, high], color=INK, lw=0.8, zorder=3)
    if told.upper_valid_limit is not None:
        axes.axhline(told.upper_valid_limit, color=WARNING, lw=0.9, ls="--")
        label = words.both("饱和上限", "upper valid limit")
        axes.annotate(
            label, (low, told.upper_valid_limit), fontsize=7, color=WARNING, va="bottom"
        )
    _label(
        axes,
        words.both("预测（未参与训练的方块）", "predicted, blocks not seen"),
        words.both("实测", "observed"),
        told.unit,
    )
    _title(figure, words, "预测与实测", "Predicted against observed", told)
    figure.text(
        0.15, 0.885, words.one(told.headline_zh, told.headline), fontsize=8, color=MUTED
    )


def _map(figure: Figure, axes: Axes, words: Words, told: ModelPictures) -> None:
    residual = told.observed - told.predicted
    largest = max(float(np.abs(residual).max()), 1e-12)
    drawn = axes.scatter(
        told.x / 1000,
        told.y / 1000,
        c=residual,
        s=22,
        cmap="PuOr",
        vmin=-largest,
        vmax=largest,
        edgecolors=INK,
        linewidths=0.3,
    )
    axes.set_aspect("equal", adjustable="datalim")
    bar = figure.colorbar(drawn, ax=axes, fraction=0.046, pad=0.03)
    bar.ax.tick_params(labelsize=7)
    axes.set_xlabel(words.both("东向", "easting") + " (km)", fontsize=8)
    axes.set_ylabel(words.both("北向", "northing") + " (km)", fontsize=8)
    _title(
        figure, words, "残差（实测 − 预测）", "Residuals, observed - predicted", told
    )


def _variogram(figure: Figure, axes: Axes, words: Words, told: ModelPictures) -> None:
    axes.plot(told.distance_m / 1000, told.semivariance, "o", ms=4, color=ACCENT)
    axes.plot(told.fitted[:, 0] / 1000, told.fitted[:, 1], color=INK, lw=1.0)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.set_xlabel(words.both("距离", "distance") + " (km)", fontsize=8)
    squared = f" ({told.unit})²" if told.unit else ""
    axes.set_ylabel(words.both("半方差", "semivariance") + squared, fontsize=8)
    _title(figure, words, "残差变异函数", "Variogram of the residuals", told)


def _importance(figure: Figure, axes: Axes, words: Words, told: ModelPictures) -> None:
    ranked = sorted(told.importance.items(), key=lambda one: (-one[1], one[0]))
    shown = ranked[:MOST_BARS][::-1]
    names = [words.legible(name) or "?" for name, _ in shown]
    axes.barh(range(len(shown)), [value for _, value in shown], color=ACCENT)
    axes.set_yticks(range(len(shown)), names, fontsize=7)
    axes.set_position((0.33, 0.13, 0.61, 0.74))
    unit = f" ({told.unit})" if told.unit else ""
    axes.set_xlabel(
        words.both("打乱后预测的变化", "moves predictions by") + unit, fontsize=8
    )
    _title(figure, words, "特征重要性", "Importance of the features", told)


def _label(axes: Axes, across: str, up: str, unit: str) -> None:
    beside = f" ({unit})" if unit else ""
    axes.set_xlabel(across + beside, fontsize=8)
    axes.set_ylabel(up + beside, fontsize=8)


def _title(figure: Figure, words: Words, zh: str, en: str, told: ModelPictures) -> None:
    name = words.legible(told.target)
    figure.text(0.04, 0.955, f"{words.both(zh, en)}: {name}", fontsize=10, va="center")


PICTURES: dict[str, Callable[[Figure, Axes, Words, ModelPictures], None]] = {
    "predicted_observed.png": _scatter,
    "residual_map.png": _map,
    "variogram.png": _variogram,
    "importance.png": _importance,
}
"""Each file and what draws it."""
