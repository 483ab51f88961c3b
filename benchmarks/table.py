"""The table of results in the READMEs, between two marks."""

from pathlib import Path

from alone import Figures

START, STOP = "<!-- benchmarks -->", "<!-- /benchmarks -->"

AT_LEAST = ("zonal", "predict", "siting_against_highs")
"""Ratios that are better the larger they are."""

WORDS = {
    "en": {
        "head": "| measured | cells | parcels | ratio | of | bar |",
        "machine": "{cores} cores ({processor}), {memory_gb} GB, Python {python}, "
        "NumPy {numpy}, exactextract {exactextract}. Each ratio is of two measurements "
        "of one run on the same data.",
        "zonal": "Weights, computed once: {once:.0f} s, {weights:.0f} MB, at most "
        "{peak:.0f} MB in memory. Again: {ours:.2f} s ({clouds:.2f} s with a fifth of "
        "the cells clouded), exactextract {exact:.1f} s; means agree to {apart:.0e}. "
        "The error of every parcel's mean, with correlation: {spread:.1f} s.",
        "night": "A night with {bands} bands and six scenes, one new (simulated): "
        "{newest:.0f} s, at most {peak:.1f} GB in memory. Its floor, decoding the same "
        "bytes and predicting the same cells with nothing written: {floor:.0f} s. The "
        "night after, when one more scene covers a quarter: {quarter:.0f} s. The first "
        "night of all, with eight scenes and the training: {before:.0f} s.",
        "siting": "Siting, simulated blocks as planning units, budget and boundary "
        "penalty: {sizes}. HiGHS (SciPy's milp, stopped after {limit:.0f} s, gap "
        "0.01 %): {peers}. Selection frequency of {units:,} units, {draws} draws: "
        "{robust:.0f} s.",
    },
    "zh": {
        "head": "| 测量内容 | 像元数 | 小班数 | 比值 | 比值含义 | 目标 |",
        "machine": "{cores} 核（{processor}），{memory_gb} GB 内存，Python {python}，"
        "NumPy {numpy}，exactextract {exactextract}。每个比值均来自同一次运行、"
        "同一数据的两项测量。",
        "zonal": "权重只算一次：{once:.0f} 秒，{weights:.0f} MB，"
        "内存峰值 {peak:.0f} MB。再次统计：{ours:.2f} 秒"
        "（五分之一像元有云时 {clouds:.2f} 秒），exactextract {exact:.1f} 秒；"
        "均值相差不超过 {apart:.0e}。各小班均值的误差（含空间相关）：{spread:.1f} 秒。",
        "night": "整夜处理（模拟数据，{bands} 个波段、六景影像、一景新到）："
        "{newest:.0f} 秒，内存峰值 {peak:.1f} GB。"
        "下限（只解码同样的字节、预测同样的像元，不写文件）：{floor:.0f} 秒。"
        "次夜（又到一景，覆盖四分之一图幅）：{quarter:.0f} 秒。"
        "首夜（八景影像并训练模型）：{before:.0f} 秒。",
        "siting": "选址（模拟格网规划单元，预算约束加边界惩罚）：{sizes}。"
        "HiGHS（SciPy milp，限时 {limit:.0f} 秒，间隙 0.01 %）：{peers}。"
        "{units:,} 个单元、{draws} 次抽样的入选频率：{robust:.0f} 秒。",
    },
}


def rewrite(path: Path, table: str) -> None:
    """Put ``table`` between the marks of a file."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(START)
    after = rest.split(STOP)[1]
    path.write_text(f"{before}{START}\n{table}\n{STOP}{after}", encoding="utf-8")


def table_of(results: list[Figures], language: str) -> str:
    """Return ``results`` as Markdown: a table, then what is behind it."""
    words = WORDS[language]
    lines = [words["head"], "|---|---|---|---|---|---|"]
    lines += [row for one in results for row in _rows(one, language)]
    lines += ["", words["machine"].format(**results[0]["machine"])]
    lines += [_zonal(one, words["zonal"]) for one in results if one["name"] == "zonal"]
    lines += [_night(one, words["night"]) for one in results if one["name"] == "night"]
    lines += [
        _siting(one, words["siting"]) for one in results if one["name"] == "siting"
    ]
    return "\n".join(lines)


def _rows(one: Figures, language: str) -> list[str]:
    title = one["title_zh" if language == "zh" else "title"]
    sizes = " | ".join(
        f"{one[name]:,}" if one[name] else "–" for name in ("cells", "parcels")
    )
    sign = "≥" if one["name"] in AT_LEAST else "≤"
    bar = f"{sign} {one['bar']:g}"
    rows = [
        f"| {title} | {sizes} | {_short(one['ratio'])} | {one['ratio_of']} | {bar} |"
    ]
    rows += [
        f"| {title} | {sizes} | {_short(ratio)} | {name} / ours | |"
        for name, ratio in one.get("ratios", {}).items()
        if f"{name} / ours" != one["ratio_of"]
    ]
    return rows


def _short(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2f}"


def _zonal(one: Figures, words: str) -> str:
    figures = one["figures"]
    return words.format(
        once=figures["weights_once"]["seconds"],
        weights=figures["weights_once"]["weights_mb"],
        peak=figures["weights_once"]["peak_mb"],
        ours=figures["ours"]["seconds"],
        clouds=figures["ours_with_clouds"]["seconds"],
        exact=figures["exactextract"]["seconds"],
        apart=figures["exactextract"]["largest_difference"],
        spread=figures["parcel_variance"]["seconds"],
    )


def _night(one: Figures, words: str) -> str:
    figures = one["figures"]
    seconds = {
        name: figures[name]["seconds"]
        for name in ("floor", "before", "newest", "quarter")
    }
    return words.format(
        **seconds,
        bands=figures["floor"]["bands"],
        peak=figures["newest"]["peak_mb"] / 1_000,
    )


def _siting(one: Figures, words: str) -> str:
    figures = one["figures"]
    robust = figures["robust"]
    return words.format(
        sizes="; ".join(_case(case["ours"]) for case in figures["cases"]),
        peers="; ".join(
            _case(case["highs"]) for case in figures["cases"] if "highs" in case
        ),
        limit=figures["highs_limit_seconds"],
        units=robust["units"],
        draws=robust["draws"],
        robust=robust["seconds"],
    )


def _case(told: Figures) -> str:
    head = f"{told['units']:,}: {told['seconds']:.1f} s, {told['peak_mb']:,} MB"
    return f"{head}, {told['gap_pct']:.4f} %" if told["found"] else f"{head}, –"
