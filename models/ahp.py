"""Weights of criteria: from pairwise judgements (AHP), or given directly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from geo.errors import SettingsError

Numbers = NDArray[np.float64]

LEAST_CR = 0.1
"""Judgements with a consistency ratio of this or more are refused (Saaty 1980)."""
SCALE = 9.0
"""Saaty's scale goes from 1/9 to 9."""
SUM_TOLERANCE = 1e-6
_TYPED = 0.02
"""0.33 typed for 1/3 misses the reciprocal by a hundredth."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """Weights that add up to 1, and how consistent the judgements behind them are."""

    weights: dict[str, float]
    lambda_max: float
    consistency_index: float
    consistency_ratio: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """How many times as important the first is as the second."""

    first: str
    second: str
    given: float
    consistent: float
    """What the other judgements imply."""
    ratio_then: float
    """Consistency ratio with that value instead."""


def ahp_weights(
    names: Sequence[str],
    judgements: NDArray[np.floating],
    *,
    random_index: Mapping[int, float],
) -> Weighing:
    """Weights as the principal eigenvector of the matrix of judgements.

    CI = (lambda_max - n) / (n - 1), CR = CI / RI(n). Judgements of a consistent matrix
    (a_ij a_jk = a_ik) give its weights exactly, with CR = 0.

    Parameters
    ----------
    judgements
        ``[i, j]`` is how many times as important ``names[i]`` is as ``names[j]``, on
        Saaty's scale of 1/9 to 9; reciprocal to 2 %, of which the upper triangle
        counts.
    random_index
        Saaty's RI by number of criteria.

    Raises
    ------
    SettingsError
        When the matrix is no such matrix, or CR is 0.1 or more; that error names the
        judgement which hurts most and the value that agrees with the others.
    """
    matrix = _checked(names, np.asarray(judgements, np.float64), random_index)
    weighing = _weighing(names, matrix, random_index)
    if weighing.consistency_ratio >= LEAST_CR:
        raise _inconsistent(weighing, worst_judgement(names, matrix, random_index))
    return weighing


def judgement_matrix(
    names: Sequence[str], pairs: Mapping[tuple[str, str], float]
) -> Numbers:
    """Return the matrix of judgements given as (first, second): value.

    Raises
    ------
    SettingsError
        When a pair is missing, unknown, or given both ways in contradiction.
    """
    place = {name: at for at, name in enumerate(names)}
    matrix = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(matrix, 1.0)
    for (first, second), value in pairs.items():
        if first not in place or second not in place or first == second:
            raise _refused(
                f"The judgement {first} / {second} is not about two of the criteria.",
                f"判断 {first}/{second} 不是两个已知准则的比较",
                f"{first} / {second}",
            )
        matrix[place[first], place[second]] = value
    other = 1 / matrix.T
    matrix = np.where(np.isnan(matrix), other, matrix)
    for i, j in combinations(range(len(names)), 2):
        if np.isnan(matrix[i, j]):
            raise _refused(
                f"There is no judgement of {names[i]} against {names[j]}.",
                f"缺少 {names[i]} 与 {names[j]} 的比较判断",
                f"{names[i]} / {names[j]}",
            )
    return np.asarray(matrix)


def given_weights(
    names: Sequence[str], weights: Mapping[str, float]
) -> dict[str, float]:
    """Return weights given directly, by every name; those not given are 0.

    Raises
    ------
    SettingsError
        When a name is unknown, a weight is negative or not a number, or they do not
        add up to 1 within a millionth; that error says what they would have to be.
    """
    unknown = sorted(set(weights) - set(names))
    if unknown:
        raise _refused(
            f"There is no criterion {', '.join(unknown)}.",
            f"没有名为 {'、'.join(unknown)} 的准则，可用：{'、'.join(names)}",
            ", ".join(unknown),
            cure=f"Weigh any of {', '.join(names)}.",
        )
    for name, weight in weights.items():
        if not (np.isfinite(weight) and weight >= 0):
            raise _refused(
                f"The weight of {name} is {weight:g}; a weight is 0 or more.",
                f"准则 {name} 的权重 {weight:g} 无效，应不小于 0",
                weight,
            )
    total = float(sum(weights.values()))
    if abs(total - 1) > SUM_TOLERANCE:
        scaled = ", ".join(
            f"{name} = {weight / total:.4g}" if total > 0 else name
            for name, weight in weights.items()
        )
        raise _refused(
            f"The weights add up to {total:.6g}, not to 1.",
            f"权重之和为 {total:.6g}，应为 1；按比例应为 {scaled}",
            f"{total:.6g}",
            cure=f"In the same proportions they would be {scaled}.",
        )
    return {name: float(weights.get(name, 0.0)) for name in names}


def worst_judgement(
    names: Sequence[str],
    matrix: NDArray[np.floating],
    random_index: Mapping[int, float],
) -> Judgement:
    """Return the judgement whose correction lowers the consistency ratio most.

    Each one in turn is left out and replaced by the ratio of the weights that the
    others give (Harker 1987); the one that leaves the smallest ratio hurts most.
    """
    found = []
    for i, j in combinations(range(len(names)), 2):
        consistent = _implied(matrix, i, j)
        changed = np.array(matrix, np.float64)
        changed[i, j], changed[j, i] = consistent, 1 / consistent
        then = _weighing(names, changed, random_index).consistency_ratio
        given = float(matrix[i, j])
        found.append(Judgement(names[i], names[j], given, consistent, then))
    return min(found, key=lambda one: one.ratio_then)


def _implied(matrix: NDArray[np.floating], i: int, j: int) -> float:
    reduced = np.array(matrix, np.float64)
    reduced[i, j] = reduced[j, i] = 0.0
    reduced[i, i] = reduced[j, j] = 2.0
    weights = _principal(reduced)[1]
    return float(weights[i] / weights[j])


def _principal(matrix: Numbers) -> tuple[float, Numbers]:
    """Return the greatest eigenvalue of a positive matrix and its vector, sum 1."""
    values, vectors = np.linalg.eig(matrix)
    at = int(np.argmax(values.real))
    vector = np.abs(vectors[:, at].real)
    return float(values[at].real), vector / vector.sum()


def _weighing(
    names: Sequence[str], matrix: Numbers, random_index: Mapping[int, float]
) -> Weighing:
    count = len(names)
    largest, weights = _principal(matrix)
    index = max((largest - count) / (count - 1), 0.0)
    random = random_index[count]
    ratio = index / random if random > 0 else 0.0
    by_name = dict(zip(names, (float(weight) for weight in weights), strict=True))
    return Weighing(by_name, largest, index, ratio)


def _checked(
    names: Sequence[str], matrix: Numbers, random_index: Mapping[int, float]
) -> Numbers:
    count = len(names)
    if matrix.shape != (count, count) or count < 2 or count not in random_index:
        most = max(random_index, default=0)
        raise _refused(
            f"{count} criteria need a matrix of {count} x {count} judgements, and 2 to "
            f"{most} criteria can be compared; got {matrix.shape}.",
            f"{count} 个准则需要 {count}×{count} 的判断矩阵（2–{most} 个准则），"
            f"实为 {matrix.shape}",
            matrix.shape,
        )
    result = np.eye(count)
    for i, j in combinations(range(count), 2):
        _require_judgement(f"{names[i]} / {names[j]}", matrix[i, j], matrix[j, i])
        result[i, j], result[j, i] = matrix[i, j], 1 / matrix[i, j]
    return result


def _require_judgement(pair: str, value: float, back: float) -> None:
    limit = SCALE * (1 + _TYPED)
    if not (np.isfinite(value) and 1 / limit <= value <= limit):
        raise _refused(
            f"The judgement {pair} is {value:g}; Saaty's scale goes from 1/9 to 9.",
            f"判断 {pair} 为 {value:g}，应在 1/9 至 9 之间",
            value,
        )
    if not abs(value * back - 1) <= _TYPED:
        raise _refused(
            f"The judgement {pair} is {value:g} one way and {back:g} the other; one "
            "must be 1 over the other.",
            f"判断 {pair} 一处为 {value:g}，另一处为 {back:g}，两者应互为倒数",
            value,
        )


def _inconsistent(weighing: Weighing, worst: Judgement) -> SettingsError:
    pair = f"{worst.first} / {worst.second}"
    ratio, then = weighing.consistency_ratio, worst.ratio_then
    return _refused(
        f"The judgements contradict one another: consistency ratio {ratio:.3f}, below "
        f"{LEAST_CR} is needed. {pair} = {worst.given:.3g} hurts most; the others "
        f"imply {worst.consistent:.3g}, with which the ratio would be {then:.3f}.",
        f"判断矩阵不一致：CR={ratio:.3f}，应小于 {LEAST_CR}。影响最大的是 "
        f"{pair}={worst.given:.3g}，按其余判断应约为 {worst.consistent:.3g}"
        f"（此时 CR={then:.3f}）",
        f"{worst.given:.3g}",
        cure=f"Look at {pair} again; a value near {worst.consistent:.2g} agrees with "
        "the others.",
        item=pair,
        expected=f"{worst.consistent:.3g}",
    )


def _refused(
    what: str,
    zh: str,
    value: object,
    *,
    cure: str = "Correct the weights of the request.",
    **where: object,
) -> SettingsError:
    return SettingsError(
        what, zh=f"{zh}。请修改请求。", cure=cure, field="weights", value=value, **where
    )
