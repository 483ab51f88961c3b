"""What a planner asks for, from one TOML file: checked before anything is computed."""

import difflib
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from config.coefficients import priority_weights
from config.siting_tables import growth_curves, random_index
from geo.errors import SettingsError
from models.ahp import ahp_weights, given_weights, judgement_matrix
from models.criteria import CRITERIA

HORIZONS = (2030, 2040, 2060)
"""Years that uptake is always told for, where they lie after planting."""


BEST = "best"
"""Asks for the group that takes up most on each unit, of those that its site allows."""
_MOST_YEARS = 50


class TownshipLimit(BaseModel):
    """What one township gives: shares of all area that is chosen, or hectares."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_share: float = Field(0.0, ge=0, le=1, description="最低占比 Least share.")
    max_share: float = Field(1.0, gt=0, le=1, description="最高占比 Greatest share.")
    min_ha: float = Field(0.0, ge=0, allow_inf_nan=False, description="面积下限 ha.")
    max_ha: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="面积上限 ha."
    )

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.min_share > self.max_share:
            raise ValueError(
                f"min_share {self.min_share:g} is above max_share {self.max_share:g}"
                f" / 最低占比 {self.min_share:g} 高于最高占比 {self.max_share:g}"
            )
        if self.max_ha is not None and self.min_ha > self.max_ha:
            raise ValueError(
                f"min_ha {self.min_ha:g} is above max_ha {self.max_ha:g}"
                f" / 面积下限 {self.min_ha:g} 高于上限 {self.max_ha:g}"
            )
        return self


class ZoneRequest(BaseModel):
    """A request for priority zones; every field has a bound and a sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title_zh: str = Field("碳汇优先发展区", max_length=60, description="标题 Title")
    night: date | None = Field(
        None, description="监测夜 Published night to build on; the latest by default."
    )
    planted: int | None = Field(
        None, ge=2000, le=2100, description="造林年 Year of planting; after the night."
    )
    horizon: int = Field(
        2060, ge=2001, le=2150, description="目标年 Year that uptake is counted to."
    )
    species_group: str = Field(
        "mixed_broadleaf",
        description='树种组 A group of coefficients/growth.csv, or "best": the one '
        "that takes up most where it is planted.",
    )
    units: Literal["parcels", "blocks"] = Field(
        "parcels", description="规划单元 What is chosen: parcels, or squares of a grid."
    )
    block_m: float = Field(
        200, gt=0, le=100_000, description="块边长(米) Side of a block, whole cells."
    )
    weights: Mapping[str, float] | None = Field(
        None, description="准则权重 Weight of each criterion, adding up to 1."
    )
    judgements: Mapping[str, float] | None = Field(
        None,
        description="判断矩阵 Pairwise judgements instead: "
        '"carbon_potential / access" = 3.',
    )
    budget_cny: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="预算(元) Most to spend, CNY."
    )
    max_area_ha: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="面积上限(公顷) Most area, ha."
    )
    min_area_ha: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="面积下限(公顷) Least area, ha."
    )
    at_least_ha_per_year: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="每年至少造林(公顷) Least area planted in each year of the plan.",
    )
    plan_end: int | None = Field(
        None,
        ge=2000,
        le=2150,
        description="末次造林年 Last year of planting; all in the first by default.",
    )
    township_field: str | None = Field(
        None,
        min_length=1,
        description="乡镇字段 Field of the parcel layer that names the township.",
    )
    townships: Mapping[str, TownshipLimit] = Field(
        {}, description='乡镇份额 Limits by township; "*" is every other one.'
    )
    min_zone_ha: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="最小连片(公顷) Least zone, ha."
    )
    boundary_penalty: float = Field(
        0.0,
        ge=0,
        le=10,
        description="紧凑度 Compactness: 1 holds the outlines of all eligible land as "
        "dear as all its benefit.",
    )
    locked_in: tuple[str, ...] = Field((), description="必选小班 Parcels to include.")
    locked_out: tuple[str, ...] = Field(
        (), description="排除小班 Parcels to leave out."
    )
    draws: int = Field(20, ge=1, le=1000, description="抽样次数 Monte Carlo draws.")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="随机种子 Seed of the draws.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.budget_cny is None and self.max_area_ha is None:
            raise ValueError(
                "budget_cny or max_area_ha is needed / 须给出预算或面积上限"
            )
        if self.weights is not None and self.judgements is not None:
            raise ValueError("give weights or judgements, not both / 权重与判断二选一")
        if self.planted is not None and self.planted >= self.horizon:
            raise ValueError("planted must be before horizon / 造林年须早于目标年")
        self._require_plan()
        if self.townships and self.township_field is None:
            raise ValueError(
                "townships need township_field, the field of the parcels that names "
                "them / 设置乡镇份额须同时给出 township_field（小班的乡镇字段）"
            )
        least = sum(one.min_share for name, one in self.townships.items())
        if least > 1 + 1e-9:
            raise ValueError(
                f"the min_share of all townships add up to {least:g}, above 1"
                f" / 各乡镇最低占比合计 {least:g}，超过 1"
            )
        both = sorted(set(self.locked_in) & set(self.locked_out))
        if both:
            raise ValueError(
                f"{', '.join(both[:5])} are in locked_in and in locked_out"
                f" / {'、'.join(both[:5])} 同时在 locked_in 与 locked_out 中"
            )
        return self

    def _require_plan(self) -> None:
        end = self.plan_end
        if end is None and self.at_least_ha_per_year is not None:
            raise ValueError(
                "at_least_ha_per_year needs plan_end, the last year of planting"
                " / 设置每年造林面积须给出末次造林年 plan_end"
            )
        if end is None:
            return
        if end >= self.horizon:
            raise ValueError("plan_end must be before horizon / 末次造林年须早于目标年")
        if self.planted is not None and not 0 <= end - self.planted < _MOST_YEARS:
            raise ValueError(
                f"plan_end must be planted or up to {_MOST_YEARS - 1} years later"
                f" / 末次造林年不得早于造林年，且不晚于其后 {_MOST_YEARS - 1} 年"
            )

    def weighed(self) -> tuple[dict[str, float], float | None]:
        """Return the weights asked for, and the consistency ratio of judgements.

        Without either, the default weights of coefficients/priority.csv.

        Raises
        ------
        SettingsError
            Weights that do not add up to 1, judgements that contradict, unknown names.
        """
        if self.weights is not None:
            return given_weights(tuple(CRITERIA), self.weights), None
        if self.judgements is None:
            return priority_weights(), None
        pairs = {_pair(text): value for text, value in self.judgements.items()}
        named = {name for pair in pairs for name in pair}
        names = [name for name in CRITERIA if name in named]
        matrix = judgement_matrix(names, pairs)
        found = ahp_weights(names, matrix, random_index=random_index())
        return found.weights, found.consistency_ratio

    def require_group(self) -> None:
        """Raise ``SettingsError`` for a species group without a growth curve."""
        known = [BEST, *sorted(growth_curves())]
        if self.species_group not in known:
            raise SettingsError(
                f"There is no species group {self.species_group!r}.",
                zh=f"没有树种组“{self.species_group}”，可用：{'、'.join(known)}。"
                "请修改请求。",
                cure=f"Use one of {', '.join(known)}.",
                field="species_group",
                value=self.species_group,
            )


def read_request(text: str, *, file: str) -> ZoneRequest:
    """Return the request that a TOML text holds.

    Raises
    ------
    SettingsError
        It is not TOML, a field is missing, misspelt or out of bounds, weights do not
        add up or judgements contradict one another.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{file} is not TOML: {error}.",
            zh=f"请求文件 {file} 不是有效的 TOML：{error}。"
            "请更正该处（中文名称须加引号）。",
            cure="Correct it there; names that are not ASCII need quotes.",
            file=file,
        ) from None
    try:
        request = ZoneRequest.model_validate(content)
    except ValidationError as error:
        raise _request_error(file, error) from None
    request.require_group()
    request.weighed()
    return request


def read_request_file(path: Path) -> tuple[ZoneRequest, str]:
    """Return the request in a file, and its text as it stands."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path.name} cannot be read: {error}.",
            zh=f"请求文件 {path.name} 无法读取：{error}。请检查路径，并存为 UTF-8。",
            cure="Check the path, and save the file as UTF-8 TOML.",
            file=path.name,
        ) from None
    return read_request(text, file=path.name), text


def _pair(text: str) -> tuple[str, str]:
    first, _, second = text.partition("/")
    return first.strip(), second.strip()


_CHINESE = {
    "extra_forbidden": "没有此项，请核对拼写或删除",
    "missing": "缺少此项",
    "greater_than": "须大于 {gt}",
    "greater_than_equal": "不得小于 {ge}",
    "less_than": "须小于 {lt}",
    "less_than_equal": "不得大于 {le}",
    "finite_number": "须为有限数",
    "float_type": "须为数字",
    "float_parsing": "须为数字，不带单位、引号与千分位",
    "int_type": "须为整数",
    "int_parsing": "须为整数，不带单位与引号",
    "int_from_float": "须为整数",
    "string_type": "须为加引号的文字",
    "string_too_short": "文字过短",
    "string_too_long": "文字过长，最多 {max_length} 字",
    "literal_error": "只能取 {expected}",
    "tuple_type": '须为列表，如 ["A-1", "A-2"]',
    "dict_type": "须为名称与取值的表，如 [weights] 下逐行给出",
    "mapping_type": "须为名称与取值的表，如 [weights] 下逐行给出",
    "model_type": "须为表，如 {{ max_share = 0.3 }}",
    "date_type": "须为日期，如 2023-10-05（不加引号）",
    "date_parsing": "须为日期，如 2023-10-05",
    "date_from_datetime_parsing": "须为日期，如 2023-10-05",
    "date_from_datetime_inexact": "须为日期，不带时刻",
}
"""What pydantic says of each kind of fault, in Chinese."""
_SHOWN = 5


def _request_error(file: str, error: ValidationError) -> SettingsError:
    """Tell every fault, in two languages."""
    faults = [_told(one) for one in error.errors()[:_SHOWN]]
    fields = [field for field, *_ in faults]
    unknown = any(one["type"] == "extra_forbidden" for one in error.errors())
    known = ", ".join(ZoneRequest.model_fields)
    first = error.errors()[0]["input"]
    return SettingsError(
        f"{file}: " + "; ".join(f"{field}: {said}" for field, said, _ in faults) + ".",
        zh=f"请求 {file} 有误：" + "；".join(chinese for *_, chinese in faults) + "。"
        "请修改请求。",
        cure=f"A request may hold {known}."
        if unknown
        else f"Correct {', '.join(fields)}.",
        file=file,
        field=", ".join(fields),
        value="" if isinstance(first, Mapping) else first,
    )


def _unknown(name: str, english: str, chinese: str) -> tuple[str, str]:
    """Add to what is said of an unknown field which one may have been meant."""
    fields = [*ZoneRequest.model_fields, *TownshipLimit.model_fields]
    near = difflib.get_close_matches(name, fields, n=1)
    if name.endswith("_mu"):
        near = [name.removesuffix("_mu") + "_ha"]
        english += ", areas are in ha, 15 mu each"
        chinese += "；面积以公顷计（1 公顷 = 15 亩）"
    if near:
        english = f"{english}, did you mean {near[0]}"
        chinese = f"{chinese}，是否应为 {near[0]}"
    return english, chinese


def _told(fault: ErrorDetails) -> tuple[str, str, str]:
    """Return the field of a fault, what is said of it, and that in Chinese."""
    field = ".".join(str(part) for part in fault["loc"]) or "request"
    given = fault["input"]
    shown = "" if isinstance(given, Mapping) else f"（{given}）"
    if fault["type"] == "value_error":
        english, _, chinese = str(fault["ctx"]["error"]).partition(" / ")
    else:
        english = fault["msg"]
        chinese = _CHINESE.get(fault["type"], english).format(**fault.get("ctx", {}))
    if fault["type"] == "extra_forbidden":
        english, chinese = _unknown(str(fault["loc"][-1]), english, chinese)
    subject = "" if field == "request" else f"{field}{shown}"
    return field, english, f"{subject}{chinese}"
