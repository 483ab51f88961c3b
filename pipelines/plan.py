"""What a night would take, said before any work is done."""

from dataclasses import dataclass
from datetime import date

from geo.errors import InputError
from geo.period import Period
from pipelines.context import Night
from pipelines.sources import attention_of, providers_of
from store.providers.base import Note, Scene
from store.record import Attention

SECONDS_PER_SCENE = 0.3
SECONDS_PER_MCELL = 2.0
"""Of one core, for a scene and for a million cells of it, all stages together. Measured
on the sample and on a 4,096 x 4,096 scene; good for the order of magnitude."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The scenes that a night asks for, by period, and what they cost."""

    region: str
    night: date
    periods: tuple[Period, ...]
    scenes: tuple[Scene, ...]
    rejected: tuple[InputError, ...]
    notes: tuple[Attention, ...]
    tiles: int
    cells: int
    memory_mb: int
    workers: int

    @property
    def attentions(self) -> tuple[Attention, ...]:
        return (*map(attention_of, self.rejected), *self.notes)

    def of(self, period: Period) -> tuple[Scene, ...]:
        return tuple(scene for scene in self.scenes if scene.day in period)

    @property
    def seconds(self) -> float:
        """Rough wall time if nothing is done yet, in seconds."""
        per_scene = SECONDS_PER_SCENE + SECONDS_PER_MCELL * self.cells / 1e6
        return 10 + len(self.scenes) * per_scene / self.workers

    def lines(self) -> list[tuple[str, str]]:
        """Return what ``--plan`` prints: title and value."""
        return [
            *(
                (f"scenes 影像 {period}", str(len(self.of(period))))
                for period in self.periods
            ),
            ("scenes in all 影像合计", str(len(self.scenes))),
            ("left out 剔除", str(len(self.rejected))),
            ("tiles 分幅", f"{self.tiles} ({self.cells:,} cells 像元)"),
            ("memory 内存", f"at most about {self.memory_mb:,} MiB"),
            ("time 用时", f"about {_clock(self.seconds)} with {self.workers} threads"),
        ]


def make_plan(night: Night) -> Plan:
    """Ask every provider what it has for the periods of ``night``."""
    region = night.settings.region
    scenes: dict[tuple[str, str], Scene] = {}
    rejected: dict[str, InputError] = {}
    notes: dict[str, Attention] = {}
    for provider in providers_of(night.settings, night.digest):
        for period in night.periods:
            found = provider.search(night.grid, period)
            scenes |= {(s.provider, s.scene_id): s for s in found.scenes}
            rejected |= {str(error): error for error in found.rejected}
            notes |= {str(note["item"]): _attention(note) for note in found.notes}
    ordered = sorted(scenes.values(), key=lambda s: (s.acquired, s.scene_id))
    return Plan(
        region=region.name,
        night=night.night,
        periods=night.periods,
        scenes=tuple(ordered),
        rejected=tuple(rejected[key] for key in sorted(rejected)),
        notes=tuple(notes[key] for key in sorted(notes)),
        tiles=len(night.tiles),
        cells=region.grid.width * region.grid.height,
        memory_mb=region.dask.memory_mb,
        workers=region.dask.workers,
    )


def _attention(note: Note) -> Attention:
    return Attention(
        subject=str(note["item"]),
        code=f"note.{note['kind']}",
        message=str(note["message"]),
        message_zh=str(note["message_zh"]),
        left_out=False,
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
