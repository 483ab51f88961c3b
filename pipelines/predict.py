"""A model and a raster of features to a map: open, call, save."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo.correlation import Variogram
from geo.errors import ModelError
from models.learning.coarse import LEAST_KNOWN, Coarse, bounded
from models.learning.drift import Drift, drift_of
from models.learning.gate import Check, RegionFacts, gate
from models.learning.limits import Tally, require_possible
from models.learning.model import Card, LearnedModel, domain_codes
from store.feature_rasters import (
    Bands,
    FeatureRaster,
    Written,
    open_features,
    write_predicted,
)
from store.files import sha256_file
from store.model_files import read_model

CREDITABLE_SHARE = 0.95
"""Least share of a map in the domain for it to be credited (methods 4.8, proposal)."""


def load_model(folder: Path) -> LearnedModel:
    """Read a model back; raise ``ModelError`` if it is not the one that was trained."""
    arrays, card = read_model(folder)
    return LearnedModel.from_arrays(arrays, card)


def gate_of(model: LearnedModel, domain_share: float | None) -> list[Check]:
    """Return the checks that decide whether the model may speak for a region."""
    return gate(model.card, RegionFacts(domain_share))


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """What ``forestsink predict`` was asked for."""

    model: Path
    raster: str
    out: Path
    trained_on: str = ""
    over: int = 1
    """Cells along a side of which the means are wanted."""
    least_known: float = LEAST_KNOWN
    """Share of such a larger cell that has to be predicted."""
    with_shared: bool = True
    """Whether the sd holds what all plots have wrong alike (``train --shared-se``)."""


@dataclass(frozen=True, slots=True)
class PredictedMap:
    """A map as written: counts of cells, and how unlike the plots they are."""

    out: Path
    target: str
    unit: str
    tally: Tally
    drifts: tuple[Drift, ...]
    is_creditable: bool

    def record(self) -> dict[str, object]:
        """Return what the command prints as JSON."""
        return {
            "out": str(self.out),
            "target": self.target,
            "unit": self.unit,
            **self.tally.record(),
            "creditable": self.is_creditable,
            "drifted": {
                one.feature: one.stability_index
                for one in self.drifts
                if one.has_drifted
            },
        }


@dataclass(slots=True)
class _Running:
    """Counts cells while a map is predicted."""

    model: LearnedModel
    coarse: Coarse | None = None
    shared: float = 0.0
    tally: Tally = field(default_factory=Tally)

    def predict(self, features: NDArray[np.float32]) -> Bands:
        predicted = self.model.predict(features)
        if self.coarse is not None:
            predicted = self.coarse.of(predicted, self.model)
        self.tally += Tally.of(predicted, self.model.valid_range)
        shared = np.float32(self.shared) * np.abs(predicted.mean)
        sd = np.hypot(predicted.sd, shared) if shared.any() else predicted.sd
        return Bands(predicted.mean, sd, domain_codes(predicted))

    def finish(self) -> Mapping[str, str]:
        require_possible(self.tally, self.model)
        share = self.tally.domain_share()
        return {
            "DOMAIN_SHARE": "" if share is None else f"{share:.6f}",
            "OUT_OF_RANGE": str(self.tally.out_of_range),
            "CREDITABLE": "YES" if is_creditable(self.tally) else "NO",
        }


def predict_raster(request: PredictRequest) -> PredictedMap:
    """Predict a raster of features block by block and write mean, SD and domain."""
    model = load_model(request.model)
    if request.trained_on:
        _require_same_table(model, request.trained_on)
    target = model.card["target"]
    if not isinstance(target, dict):
        raise TypeError("The model's card has no target.")
    name, unit = str(target["name"]), str(target["unit"])
    told = Written(
        (name, f"{name}_sd", "in_domain"),
        unit,
        {"MODEL": str(model.card["arrays_digest"]), "TITLE": name},
    )
    with open_features(request.raster, model.names) as raster:
        drifts = drift_of(_features(model), raster.sample())
        shared = shared_error(model.card) if request.with_shared else 0.0
        running = _Running(model, _coarse(request, model, raster), shared)
        write_predicted(
            request.out,
            raster,
            running.predict,
            told=told,
            finish=running.finish,
            over=request.over,
        )
    tally = running.tally
    return PredictedMap(request.out, name, unit, tally, drifts, is_creditable(tally))


def shared_error(card: Card) -> float:
    """Return the relative error that all plots share, 0 where none was told."""
    told = card.get("shared_error")
    return float(told["relative"]) if isinstance(told, dict) else 0.0


def _coarse(
    request: PredictRequest, model: LearnedModel, raster: FeatureRaster
) -> Coarse | None:
    if request.over == 1:
        return None
    told = model.card["residual"]
    if not isinstance(told, dict):
        raise TypeError("The model's card has no residual.")
    variogram = Variogram(
        float(told["nugget"]), float(told["sill"]), float(told["range_m"])
    )
    return Coarse(
        request.over,
        abs(raster.dataset.transform.a),
        bounded(variogram, float(told["rmse"]) ** 2),
        request.least_known,
    )


def is_creditable(tally: Tally) -> bool:
    """Return whether enough of a map lies in the domain for it to be credited."""
    share = tally.domain_share()
    return share is not None and share >= CREDITABLE_SHARE


def _require_same_table(model: LearnedModel, path: str) -> None:
    source = model.card.get("source")
    told = source.get("sha256") if isinstance(source, dict) else None
    found = sha256_file(Path(path))
    if found != told:
        raise ModelError(
            f"{Path(path).name} is not the table that the model was trained on.",
            zh=f"{Path(path).name} 与训练时的样地表不一致，模型已过期；请重新训练。",
            cure="Train again on the table as it is now.",
            file=path,
            value=found[:12],
            expected=str(told)[:12],
        )


def _features(model: LearnedModel) -> list[Mapping[str, object]]:
    features = model.card["features"]
    return features if isinstance(features, list) else []
