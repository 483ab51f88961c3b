"""Which way a night takes to biomass: a region's own model, or default values."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geo.errors import ModelError, SettingsError
from models.features import features_from
from models.learning.model import LearnedModel
from pipelines.context import Night
from store.catalog import Facts
from store.keys import LayerKey
from store.model_files import CARD_FILE, MODEL_FILE, read_card, read_model
from store.model_shelf import Shelved, promoted, require_whole
from store.record import Attention

Card = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """``tier1`` without a model, or ``plots`` or ``canopy`` with the key of one.

    ``attentions`` say which promoted models could not be used, and why.
    """

    name: str = "tier1"
    model: LayerKey | None = None
    attentions: tuple[Attention, ...] = ()


TIER1 = Route()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A promoted model as its card tells it."""

    route: str
    shelved: Shelved
    card: Card

    @property
    def unseen_rmse(self) -> float:
        """RMSE at plots that the model had not seen, t/ha."""
        told = self.card.get("against_plots", {}).get("rmse")
        return float(self.card["scores"]["blocked"]["rmse"] if told is None else told)


def choose_route(night: Night) -> Route:
    """Return the route of the night; keep its model in the store.

    The model is copied there under the digest of its card, so that what is mapped by
    it stays what it was when another one is promoted.

    Raises
    ------
    SettingsError, ModelError
        As ``find_model``.
    """
    found, attentions = find_model(night)
    if found is None:
        return Route(attentions=attentions)
    key = LayerKey.of(
        "biomass-model",
        region=night.settings.region.name,
        period="all",
        inputs={"model": str(found.card["card_digest"])},
        settings={"route": found.route},
    )

    def build(folder: Path) -> Facts:
        for name in (MODEL_FILE, CARD_FILE):
            shutil.copyfile(found.shelved.folder / name, folder / name)
        load_learned_from(folder)  # refused here or not at all
        return {"route": found.route}

    return Route(found.route, night.catalog.produce(key, build).key, attentions)


def find_model(night: Night) -> tuple[Candidate | None, tuple[Attention, ...]]:
    """Return the promoted model that the settings ask for, None for tier 1.

    With ``auto`` the one with the least error at plots that it had not seen; a model
    that does not fit the region as it is now is left out, with an attention.

    Raises
    ------
    SettingsError
        A route was asked for whose model is not there, or does not fit.
    ModelError
        A promoted model was damaged or changed, or its gate had refused it.
    """
    asked = night.settings.region.biomass.route
    if asked == "tier1":
        return None, ()
    shelf = night.settings.home / "models" / night.settings.region.name
    there = promoted(shelf)
    if asked != "auto" and asked not in there:
        raise _not_there(night, asked)
    usable, attentions = [], []
    for route in sorted(there) if asked == "auto" else [asked]:
        candidate = _read(route, there[route])
        why = _misfit(night, candidate)
        if why is None:
            usable.append(candidate)
        elif asked != "auto":
            raise _unfit(asked, *why)
        else:
            attentions.append(_left_out(route, *why))
    if not usable:
        return None, tuple(attentions)
    best = min(usable, key=lambda one: (one.unseen_rmse, one.route))
    return best, tuple(attentions)


def load_learned(night: Night, key: LayerKey) -> LearnedModel:
    """Read the night's model; raise ``ModelError`` if it is not what was trained."""
    return load_learned_from(night.catalog.need(key).path(MODEL_FILE).parent)


def load_learned_from(folder: Path) -> LearnedModel:
    """Read a model back from its folder."""
    arrays, card = read_model(folder)
    return LearnedModel.from_arrays(arrays, card)


def card_of(night: Night, key: LayerKey) -> Card:
    """Return the card of the night's model."""
    return read_card(night.catalog.need(key).path(CARD_FILE).parent)


def _read(route: str, shelved: Shelved) -> Candidate:
    require_whole(shelved)
    card = read_card(shelved.folder)
    if card.get("promoted") is not True:
        failed = [c["name"] for c in card.get("gate", []) if not c["passed"]]
        raise ModelError(
            f"The model of the route {route} was refused by its gate: "
            f"{', '.join(failed) or 'no checks'}.",
            zh=f"路线 {route} 的模型未通过检查（{'、'.join(failed) or '无检查记录'}），"
            '不能用于本区域；请重新训练，或在 [biomass] 中设置 route = "tier1"。',
            cure='Train the region again, or set route = "tier1" under [biomass].',
            file=shelved.folder,
        )
    return Candidate(route, shelved, card)


def _misfit(night: Night, found: Candidate) -> tuple[str, str] | None:
    """Say in two languages why a model does not fit the region as it is now."""
    card, region = found.card, night.settings.region
    needed = {"support_ha", "residual_of_cells"} <= set(card)
    if card.get("route") != found.route or not needed:
        return "an older version trained it", "由旧版本训练"
    trained_for = card["source"]["region"]
    if trained_for != region.name:
        return f"it was trained for {trained_for}", f"是为区域 {trained_for} 训练的"
    look = card["imagery"]["looks_like"]
    if look != str(night.training):
        return (
            f"imagery is brought to the look of {night.training} now, it learnt from "
            f"that of {look}",
            f"影像现以 {night.training} 为基准归一，而训练时为 {look}",
        )
    names = [str(one["name"]) for one in card["features"]]
    lacking = [name for name in names if name not in features_from(night.bands)]
    if lacking:
        told = ", ".join(lacking)
        return f"the region has no {told} any more", f"本区域已无特征 {told}"
    return None


def _not_there(night: Night, route: str) -> SettingsError:
    name = night.settings.region.name
    return SettingsError(
        f"biomass.route is {route}, but {name} has no promoted model of that route.",
        zh=f"区域 {name} 设置了 route = {route}，但没有通过检查的该路线模型；"
        f"请先运行 forestsink train --region {name}，或改用 auto、tier1。",
        cure=f"Run `forestsink train --region {name}` first, or set auto or tier1.",
        field="biomass.route",
        value=route,
    )


def _unfit(route: str, why: str, why_zh: str) -> SettingsError:
    return SettingsError(
        f"The promoted model of the route {route} does not fit the region: {why}.",
        zh=f"路线 {route} 的模型与本区域现有设置不符：{why_zh}；请重新训练。",
        cure="Train the region again, or set biomass.route to auto or tier1.",
        field="biomass.route",
        value=route,
    )


def _left_out(route: str, why: str, why_zh: str) -> Attention:
    return Attention(
        subject=f"route {route}",
        code="model",
        message=f"The promoted model of the route {route} was not used: {why}.",
        message_zh=f"路线 {route} 的模型未采用：{why_zh}。",
        cure="Train the region again.",
    )
