"""Whether a model may speak for a region: checks of its card, each with a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.learning.table import MIN_BLOCKS, MIN_PLOTS
from models.two_phase import FEWEST

Card = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a card has to reach (project proposal, docs/methods-models.md)."""

    plots: int = MIN_PLOTS
    blocks: int = MIN_BLOCKS
    coverage: tuple[float, float] = (0.85, 0.95)
    against_mean: float = 0.95
    """Largest blocked RMSE as a share of that of the plain mean."""
    against_ridge: float = 1.0
    """Largest blocked RMSE as a share of that of a plain ridge."""
    relative_bias: float = 0.05
    domain_share: float = 0.95
    """Least share of the region's forest cells in the area of applicability."""
    age_years: float = 3.0
    """Largest median of the years between plots and imagery, or canopy heights."""
    first_plots: int = FEWEST
    """Plots under canopy heights that calibrate them."""
    unseen_plots: int = 10
    """Plots that a two-phase map is held against."""


@dataclass(frozen=True, slots=True)
class RegionFacts:
    """What is known of the region that the model is meant for; None is not known."""

    domain_share: float | None
    """Share of its forest cells in the domain."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question to the card: ``value`` against ``limit``, and what it means."""

    name: str
    value: float | None
    limit: str
    passed: bool
    sentence: str
    sentence_zh: str

    def record(self) -> dict[str, object]:
        """Return the check for a report."""
        return {
            "name": self.name,
            "value": self.value,
            "limit": self.limit,
            "passed": self.passed,
            "sentence": self.sentence,
            "sentence_zh": self.sentence_zh,
        }


def gate(card: Card, region: RegionFacts, limits: Limits | None = None) -> list[Check]:
    """Return every check, passed or not; what a card does not say has not passed."""
    told = limits if limits is not None else Limits()
    return [
        *_enough(card, told),
        *_against_others(card, told),
        _bias(card, told),
        *_coverage(card, told),
        _driving(card),
        _domain(region, told),
        _age(card, told),
        *(_first_phase(card, told) if "first_phase" in card else ()),
    ]


def is_promoted(checks: list[Check]) -> bool:
    """Return whether all checks passed."""
    return all(check.passed for check in checks)


def _enough(card: Card, limits: Limits) -> list[Check]:
    plots = _number(card, "training", "n")
    blocks = _number(card, "blocks", "blocks")
    return [
        Check(
            "plots",
            plots,
            f">= {limits.plots}",
            plots is not None and plots >= limits.plots,
            f"The model learnt from {_text(plots)} plots; {limits.plots} are needed.",
            f"模型使用 {_text(plots)} 个样地训练，至少需要 {limits.plots} 个。",
        ),
        Check(
            "blocks",
            blocks,
            f">= {limits.blocks}",
            blocks is not None and blocks >= limits.blocks,
            f"The plots lie in {_text(blocks)} spatial blocks; {limits.blocks} are "
            "needed.",
            f"样地分布在 {_text(blocks)} 个空间方块中，至少需要 {limits.blocks} 个。",
        ),
    ]


def _against_others(card: Card, limits: Limits) -> list[Check]:
    rmse = _number(card, "scores", "blocked", "rmse")
    found = []
    for name, other, share, en, zh in (
        (
            "against_mean",
            "plain_mean_blocked",
            limits.against_mean,
            "the plain mean",
            "简单均值",
        ),
        (
            "against_ridge",
            "plain_ridge_blocked",
            limits.against_ridge,
            "a plain ridge",
            "普通岭回归",
        ),
    ):
        rival = _number(card, "scores", other, "rmse")
        ratio = None if rmse is None or not rival else rmse / rival
        found.append(
            Check(
                name,
                _rounded(ratio),
                f"<= {share:g}",
                ratio is not None and ratio <= share,
                f"In blocks it has not seen it errs {_text(ratio)} times as much as "
                f"{en}; at most {share:g} is allowed.",
                f"在未参与训练的方块中，模型误差为{zh}的 {_text(ratio)} 倍，"
                f"上限为 {share:g} 倍。",
            )
        )
    return found


def _bias(card: Card, limits: Limits) -> Check:
    bias = _number(card, "scores", "blocked", "bias")
    mean = _number(card, "training", "observed_mean")
    share = None if bias is None or not mean else abs(bias / mean)
    return Check(
        "bias",
        _rounded(share),
        f"<= {limits.relative_bias:g}",
        share is not None and share <= limits.relative_bias,
        f"Its blocked bias is {_percent(share)} of the mean; at most "
        f"{_percent(limits.relative_bias)} is allowed.",
        f"分块验证偏差为均值的 {_percent(share)}，"
        f"上限为 {_percent(limits.relative_bias)}。",
    )


def _coverage(card: Card, limits: Limits) -> list[Check]:
    low, high = limits.coverage
    whole = _number(card, "intervals", "coverage_90")
    intervals = card.get("intervals")
    told = intervals if isinstance(intervals, dict) else {}
    shares = list(told.get("coverage_90_by_third", []))
    counts = list(told.get("plots_by_third", []))
    worst, is_good = None, bool(shares)
    for share, count in zip(shares, counts, strict=False):
        # A share of few plots scatters by itself: one binomial error is allowed for.
        slack = (0.9 * 0.1 / max(count, 1)) ** 0.5
        is_good = is_good and low - slack <= share <= high + slack
        if worst is None or abs(share - 0.9) > abs(worst - 0.9):
            worst = share
    return [
        Check(
            "coverage",
            _rounded(whole),
            f"{low:g}-{high:g}",
            whole is not None and low <= whole <= high,
            f"Its 90 % intervals hold {_percent(whole)} of unseen plots.",
            f"90% 区间对未参与训练的样地的覆盖率为 {_percent(whole)}。",
        ),
        Check(
            "coverage_by_third",
            _rounded(worst),
            f"{low:g}-{high:g}, one binomial error allowed",
            is_good,
            "In the third of predictions where they do worst, the intervals hold "
            f"{_percent(worst)}.",
            f"按预测值三等分，覆盖率最差的一组为 {_percent(worst)}。",
        ),
    ]


def _driving(card: Card) -> Check:
    influence = card.get("influence")
    driving = influence.get("driving_plots") if isinstance(influence, dict) else None
    named = ", ".join(str(name) for name in driving or ())
    return Check(
        "influence",
        None if driving is None else float(len(driving)),
        "0 plots",
        driving == [],
        f"Plots that drive the fit alone: {named or 'none'}."
        if driving is not None
        else "The card does not say whether single plots drive the fit.",
        f"单独左右拟合结果的样地：{named or '无'}。"
        if driving is not None
        else "模型卡片未说明是否有单个样地左右拟合。",
    )


def _domain(region: RegionFacts, limits: Limits) -> Check:
    share = region.domain_share
    return Check(
        "domain",
        _rounded(share),
        f">= {limits.domain_share:g}",
        share is not None and share >= limits.domain_share,
        f"{_percent(share)} of the region's forest cells lie in its area of "
        f"applicability; {_percent(limits.domain_share)} are needed.",
        f"区域内 {_percent(share)} 的森林像元位于模型适用域内，"
        f"至少需要 {_percent(limits.domain_share)}。",
    )


def _age(card: Card, limits: Limits) -> Check:
    years = _number(card, "age_of_plots", "median_years")
    return Check(
        "age_of_plots",
        years,
        f"<= {limits.age_years:g} years",
        years is not None and years <= limits.age_years,
        f"Plots and imagery are {_text(years)} years apart (median); "
        f"{limits.age_years:g} are allowed."
        if years is not None
        else "It is not known how far plots and imagery are apart in time.",
        f"样地调查与影像的时间差中位数为 {_text(years)} 年，"
        f"上限为 {limits.age_years:g} 年。"
        if years is not None
        else "样地调查与影像的时间差未知。",
    )


def _first_phase(card: Card, limits: Limits) -> list[Check]:
    """Return what is asked of a calibration of canopy heights, and of its map."""
    plots = _number(card, "first_phase", "plots")
    rmse = _number(card, "first_phase", "blocked", "rmse")
    plain = _number(card, "first_phase", "plain_sd")
    ratio = None if rmse is None or not plain else rmse / plain
    years = _number(card, "first_phase", "years_from_plots")
    held = _number(card, "against_plots", "coverage_90")
    count = _number(card, "against_plots", "n")
    low, high = limits.coverage
    slack = (0.9 * 0.1 / max(count or 0.0, 1.0)) ** 0.5
    return [
        Check(
            "first_phase_plots",
            plots,
            f">= {limits.first_plots}",
            plots is not None and plots >= limits.first_plots,
            f"{_text(plots)} plots calibrate the canopy heights; {limits.first_plots} "
            "are needed.",
            f"校准冠层高的样地 {_text(plots)} 个，至少需要 {limits.first_plots} 个。",
        ),
        Check(
            "first_phase_against_mean",
            _rounded(ratio),
            f"<= {limits.against_mean:g}",
            ratio is not None and ratio <= limits.against_mean,
            f"In blocks it has not seen the calibration errs {_text(ratio)} times the "
            f"spread of the plots; at most {limits.against_mean:g} is allowed.",
            f"校准在未参与的方块中的误差为样地离散度的 {_text(ratio)} 倍，"
            f"上限为 {limits.against_mean:g} 倍。",
        ),
        Check(
            "first_phase_age",
            years,
            f"<= {limits.age_years:g} years",
            years is not None and years <= limits.age_years,
            f"Plots and canopy heights are {_text(years)} years apart (median); "
            f"{limits.age_years:g} are allowed.",
            f"样地与冠层高的时间差中位数为 {_text(years)} 年，"
            f"上限为 {limits.age_years:g} 年。",
        ),
        Check(
            "against_plots",
            _rounded(held),
            f"{low:g}-{high:g}, one binomial error allowed",
            held is not None
            and (count or 0.0) >= limits.unseen_plots
            and low - slack <= held <= high + slack,
            f"The map's 90 % intervals hold {_percent(held)} of {_text(count)} plots.",
            f"地图的 90% 区间对 {_text(count)} 个样地的覆盖率为 {_percent(held)}。",
        ),
    ]


def _number(card: Card, *path: str) -> float | None:
    """Return a number deep in a card, None if it is not there."""
    found: object = card
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if is_number and isinstance(found, int | float) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _text(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{100 * share:.3g} %"
