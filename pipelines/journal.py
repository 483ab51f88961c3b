"""How each night stands, for ``status`` and for whoever restarts a killed run."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from store.files import held, is_held, write_json

State = Literal["running", "complete", "incomplete", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Entry:
    region: str
    night: date
    state: State
    run_id: str
    detail: str

    def record(self) -> dict[str, str]:
        """Return the entry as plain text, for JSON."""
        return {
            "region": self.region,
            "night": str(self.night),
            "state": self.state,
            "run_id": self.run_id,
            "detail": self.detail,
        }


class Journal:
    """One small file per region and night; one running night per region."""

    def __init__(self, home: Path) -> None:
        self._home = home

    @contextmanager
    def running(self, region: str, night: date) -> Iterator[None]:
        """Hold the region for a night; raise ``BusyError`` if another run holds it.

        The entry says ``running`` until ``note`` says otherwise: a killed run leaves
        it so, and without a holder that reads as ``interrupted``.
        """
        with held(self._lock(region), purpose=f"night {night} of {region}"):
            self.note(region, night, "running")
            try:
                yield
            except BaseException as error:
                notes: list[str] = getattr(error, "__notes__", [])
                told = "; ".join([str(error) or type(error).__name__, *notes])
                self.note(region, night, "failed", detail=told)
                raise

    def began(self, region: str, night: date, step: str) -> None:
        """Note the step that a running night is in: a killed run cannot say it."""
        self.note(region, night, "running", detail=step)

    @contextmanager
    def holding(self, region: str, *, purpose: str) -> Iterator[None]:
        """Hold the region for work that is no night; raise ``BusyError`` as a night."""
        with held(self._lock(region), purpose=f"{purpose} of {region}"):
            yield

    def note(
        self,
        region: str,
        night: date,
        state: State,
        *,
        run_id: str = "",
        detail: str = "",
    ) -> None:
        content = {"state": state, "run_id": run_id, "detail": detail}
        write_json(self._home / "runs" / region / f"{night}.json", content)

    def entries(self) -> list[Entry]:
        """Return every night, by region and date."""
        return [
            self._entry(path)
            for path in sorted(self._home.glob("runs/*/*.json"))
            if not path.name.startswith(".")
        ]

    def _entry(self, path: Path) -> Entry:
        content = json.loads(path.read_text(encoding="utf-8"))
        region = path.parent.name
        state: State = content["state"]
        detail: str = content["detail"]
        if state == "running" and not is_held(self._lock(region)):
            state, detail = "interrupted", _killed_in(detail)
        night = date.fromisoformat(path.stem)
        return Entry(region, night, state, content["run_id"], detail)

    def _lock(self, region: str) -> Path:
        return self._home / "runs" / f"{region}.lock"


def _killed_in(step: str) -> str:
    if not step:
        return ""
    return (
        f"在步骤 {step} 中断，请重新运行；若因内存不足被终止，请先调小 [dask] "
        f"memory_mb。 It ended in the step {step}: run it again. If it was killed for "
        "want of memory, lower [dask] memory_mb first."
    )
