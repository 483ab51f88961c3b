"""What a planner asks for, from one TOML file: checked before anything is computed."""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from config.coefficients import priority_weights
from config.siting_tables import growth_curves, random_index
from geo.errors import SettingsError
from models.ahp import ahp_weights, given_weights, judgement_matrix
from models.criteria import CRITERIA

HORIZONS = (2030, 2040, 2060)
"""Years that uptake is always told for, where they lie after planting."""


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
        "mixed_broadleaf", description="树种组 A group of coefficients/growth.csv."
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
        return self

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
        known = sorted(growth_curves())
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
            zh=f"请求文件 {file} 不是有效的 TOML：{error}。请更正该处。",
            cure="Correct it there.",
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
    "greater_than": "须大于 {gt}",
    "greater_than_equal": "不得小于 {ge}",
    "less_than_equal": "不得大于 {le}",
    "finite_number": "须为有限数",
    "string_too_long": "文字过长",
}


def _request_error(file: str, error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "request"
    given = "" if isinstance(first["input"], Mapping) else first["input"]
    chinese = _CHINESE.get(first["type"], first["msg"]).format(**first.get("ctx", {}))
    known = ", ".join(ZoneRequest.model_fields)
    is_unknown = first["type"] == "extra_forbidden"
    return SettingsError(
        f"{file}: {field}: {first['msg']}.",
        zh=f"请求 {file} 的 {field} 有误（{given}）：{chinese}。请修改请求。",
        cure=f"A request may hold {known}." if is_unknown else f"Correct {field}.",
        file=file,
        field=field,
        value=given,
    )
