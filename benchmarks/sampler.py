"""Where the processor's time goes, in every thread, without slowing the work.

Every few milliseconds the stack of each thread is looked at, and the time that the
thread has spent on a processor since the last look is booked to it. A thread that waits
books nothing. Linux counts that time; elsewhere nothing is sampled.
"""

import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Self

OURS = ("geo", "models", "store", "config", "pipelines")
ROOT = Path(__file__).resolve().parent.parent
THREADS = Path("/proc/self/task")
EVERY_SECONDS = 0.02

Place = tuple[str, str]
"""Our line that the time is spent for, and the function that spends it."""


class Sampler:
    """Books processor time while it is entered, once; ``rows`` tells the result."""

    def __init__(self, every_seconds: float = EVERY_SECONDS) -> None:
        self._every = every_seconds
        self._booked: Counter[Place] = Counter()
        self._seen: dict[int, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        if THREADS.is_dir():
            natives = [int(path.name) for path in THREADS.iterdir()]
            self._seen = {native: _spent_ns(native) for native in natives}
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def rows(self, most: int) -> list[dict[str, object]]:
        """Return the costliest places with their processor seconds, costliest first."""
        return [
            {"line": line, "in": spender, "cpu_seconds": round(nanoseconds / 1e9, 2)}
            for (line, spender), nanoseconds in self._booked.most_common(most)
        ]

    def seconds(self) -> float:
        """Return all processor seconds booked."""
        return sum(self._booked.values()) / 1e9

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            natives = {t.ident: t.native_id for t in threading.enumerate()}
            for ident, frame in sys._current_frames().items():  # noqa: SLF001 no other way
                native = natives.get(ident)
                if native is not None and ident != self._thread.ident:
                    self._book(native, frame)

    def _book(self, native: int, frame: FrameType) -> None:
        spent = _spent_ns(native)
        fresh = spent - self._seen.get(native, 0)
        self._seen[native] = spent
        if fresh > 0:
            self._booked[_place(frame)] += fresh


def _spent_ns(native: int) -> int:
    try:
        text = (THREADS / str(native) / "schedstat").read_text(encoding="ascii")
    except OSError:  # the thread has ended meanwhile
        return 0
    return int(text.split()[0])


def _place(leaf: FrameType) -> Place:
    frame: FrameType | None = leaf
    task = ""
    while frame is not None:
        path = frame.f_code.co_filename
        task = task or _task(frame)
        for package in OURS:
            if path.startswith(f"{ROOT}/{package}/"):
                inside = path.removeprefix(f"{ROOT}/")
                where = f"{inside}:{frame.f_lineno} {frame.f_code.co_name}"
                return where, task or _name(leaf)
        frame = frame.f_back
    return "elsewhere", task or _name(leaf)


def _task(frame: FrameType) -> str:
    """Return what a Dask task is called, if the frame is one."""
    if not frame.f_code.co_filename.endswith("dask/_task_spec.py"):
        return ""
    key = getattr(frame.f_locals.get("self"), "key", None)
    name = key[0] if isinstance(key, tuple) else key
    return f"dask {str(name).rpartition('-')[0] or name}"


def _name(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    return f"{path.parent.name}/{path.name} {frame.f_code.co_name}"
