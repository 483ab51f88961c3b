"""Scenes as they come, onto the region's grid: each once, bad ones set aside."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from geo.checks import require_plausible, scene_facts
from geo.errors import InputError
from geo.grid import Tile
from geo.period import Period
from pipelines.context import Night, TileKeys, each_tile
from pipelines.plan import Plan
from pipelines.sources import providers_of, set_aside
from store.catalog import Facts
from store.keys import LayerKey, digest_of
from store.providers.base import Provider, Scene
from store.rasters import write_layer
from store.record import Attention

SCENE_FILE = "scene.tif"


@dataclass(frozen=True, slots=True)
class IngestedScene:
    """One acquisition in the store: its key in each tile of which it saw any cell."""

    scene_id: str
    day: date
    provider: str
    keys: TileKeys
    clear_pct: float


@dataclass(frozen=True, slots=True)
class Ingested:
    """Scenes in order of acquisition, and what was left out and why."""

    scenes: tuple[IngestedScene, ...]
    attentions: tuple[Attention, ...]

    def of(self, period: Period) -> tuple[IngestedScene, ...]:
        return tuple(scene for scene in self.scenes if scene.day in period)


def ingest(night: Night, plan: Plan) -> Ingested:
    """Bring every planned scene into the store; one bad scene never stops the others.

    Raises
    ------
    ProviderUnavailableError
        A source did not answer; nothing is lost, the stage may be tried again.
    """
    all_of_them = providers_of(night.settings, night.digest)
    providers = {provider.name: provider for provider in all_of_them}
    scenes: list[IngestedScene] = []
    attentions = [set_aside(night.settings, error) for error in plan.rejected]
    attentions.extend(plan.notes)
    for count, scene in enumerate(plan.scenes):
        night.progress("ingest", count, len(plan.scenes))
        try:
            scenes.append(_ingest_scene(night, providers[scene.provider], scene))
        except InputError as error:
            error.at(item=scene.scene_id)
            attentions.append(set_aside(night.settings, error))
        except Exception as error:
            error.add_note(scene.scene_id)  # a worker that was killed cannot say it
            raise
    night.progress("ingest", len(plan.scenes), len(plan.scenes))
    return Ingested(tuple(scenes), tuple(attentions))


def _ingest_scene(night: Night, provider: Provider, scene: Scene) -> IngestedScene:
    local = provider.fetch(scene)

    def work(tile: Tile) -> LayerKey:
        build = partial(_build, night, provider, local, tile)
        return night.catalog.produce(_key(night, local, tile), build).key

    keys, clear, seen = {}, 0.0, 0.0
    for name, key in each_tile(night, "", work).items():
        facts = night.catalog.need(key).facts
        seen += _number(facts, "cells")
        clear += _number(facts, "clear")
        if facts["clear"]:
            keys[name] = key
    return IngestedScene(
        scene.scene_id,
        scene.day,
        scene.provider,
        keys,
        round(100 * clear / seen, 2),
    )


def _key(night: Night, scene: Scene, tile: Tile) -> LayerKey:
    source = next(s for s in night.settings.region.scenes if s.name == scene.provider)
    return LayerKey.of(
        "scene",
        region=night.settings.region.name,
        period=f"{scene.day:%Y%m%d}",
        tile=tile.name,
        inputs={"scene": scene.scene_id, "content": scene.digest()},
        settings={
            "grid": repr(tile.grid),
            "source": digest_of(
                source.model_dump(mode="json", include={"mask", "resampling", "bands"})
            ),
            "bands": night.bands,
        },
    )


def _build(
    night: Night, provider: Provider, scene: Scene, tile: Tile, folder: Path
) -> Facts:
    layer = night.layer("scene")
    # Of each band: as it is read, in double precision, and merged.
    held = len(layer.bands) * 24
    whole = night.fits(tile.grid, held)
    chunk = max(tile.grid.shape) if whole else night.chunk_cells(held)
    loaded = provider.load(scene, tile.grid, bands=night.bands, chunk_cells=chunk)
    if whole or night.fits(tile.grid, len(layer.bands) * 8):
        loaded = loaded.compute()  # read once; otherwise once to look and once to keep
    facts = scene_facts(loaded)
    require_plausible(facts, scene.scene_id)
    if facts["clear"]:
        write_layer(
            folder / SCENE_FILE,
            layer,
            (loaded["reflectance"], loaded["status"]),
            tile.grid,
            tags={"ACQUIRED": f"{scene.day:%Y-%m-%d}", "SCENE": scene.scene_id},
        )
    return facts


def _number(facts: Mapping[str, object], name: str) -> float:
    value = facts[name]
    if not isinstance(value, int | float):
        raise TypeError(f"The fact {name} is {value!r}, not a number.")
    return float(value)
