"""Numbers as people read them: sensible digits, a dash for missing, whole days."""

import math
from datetime import timedelta

from geo.period import Period

MISSING = "—"
MINUS = "−"


def digits_after_point(se: float) -> int:
    """Return the decimals that show two digits of ``se``; negative beyond the point."""
    return 1 - math.floor(math.log10(se))


def rounded(value: float | None, decimals: int) -> str:
    """Return ``value`` with thousands separators, or a dash if there is none."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{abs(round(value, decimals)):,.{max(decimals, 0)}f}"
    return f"{MINUS}{text}" if value < 0 and text.strip("0.,") else text


def plus_minus(value: float | None, se: float | None) -> str:
    """Return ``value ± se``, both to two digits of ``se``; a dash if there is none."""
    if value is None or not math.isfinite(value):
        return MISSING
    if se is None or not math.isfinite(se):
        return general(value)
    if se <= 0:
        return f"{general(value)} ± 0"
    decimals = min(digits_after_point(se), 6)
    return f"{rounded(value, decimals)} ± {rounded(se, decimals)}"


def interval(low: float | None, high: float | None) -> str:
    """Return ``[low; high]`` to three digits of half their distance.

    One digit more than a standard error gets: a limit near 0 keeps its sign.
    """
    if low is None or high is None or not math.isfinite(high - low):
        return MISSING
    if high <= low:
        return general(low)
    decimals = min(digits_after_point((high - low) / 2) + 1, 6)
    return f"[{rounded(low, decimals)}; {rounded(high, decimals)}]"


def general(value: float | None, *, digits: int = 4) -> str:
    """Return ``value`` to ``digits`` significant digits; whole numbers stay whole."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    whole = math.floor(math.log10(abs(value))) + 1
    if value == int(value) and whole > digits:
        return rounded(value, 0)
    text = rounded(value, max(digits - whole, 0))
    return text.rstrip("0").rstrip(".") if "." in text else text


def p_value(p: float | None) -> str:
    if p is None or not math.isfinite(p):
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def days_text(period: str) -> str:
    """Return a stored period's first and last day; other text as it is."""
    try:
        span = Period.parse(period)
    except ValueError:
        return period
    return f"{span.start:%Y-%m-%d} – {span.stop - timedelta(days=1):%Y-%m-%d}"
