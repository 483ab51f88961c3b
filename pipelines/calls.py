"""How the steps of a night are called, and what is said when one is out of memory."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, Protocol, TypeVar

from geo.errors import MemoryLimitError
from pipelines.context import Night
from store.memory import lack_of_memory

P = ParamSpec("P")
R = TypeVar("R")

LOWERED = ("memory_mb", "chunk_cells", "workers")
"""Settings under ``[dask]`` that memory follows from, the first to be lowered first."""


class Call(Protocol):
    """How a step is called: plainly, or as a task of a flow."""

    def __call__(
        self, step: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R: ...


def plainly(step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a step as it is."""
    return step(*args, **kwargs)


def _tell_nobody(_step: str) -> None:
    """Note nowhere that a step begins."""


class Watched:
    """Calls the steps of ``night`` by ``call``, and says which of them failed how.

    ``began`` is told the name of each step before it begins: a process that is killed
    for want of memory says nothing any more.

    Raises
    ------
    MemoryLimitError
        Instead of whatever a library raises when it gets no memory, and when the
        workers of a cluster died one after another over the same piece of work.
    """

    def __init__(
        self,
        night: Night,
        call: Call = plainly,
        *,
        began: Callable[[str], None] = _tell_nobody,
    ) -> None:
        self._night = night
        self._call = call
        self._began = began

    def __call__(self, step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        self._began(step.__name__)

        @wraps(step)
        def watched(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return step(*args, **kwargs)
            except Exception as error:
                limit = _limit(self._night, step.__name__, error)
                if limit is None:
                    error.add_note(f"step {step.__name__}")
                    raise
                raise limit from error

        return self._call(watched, *args, **kwargs)


def _limit(night: Night, step: str, error: Exception) -> MemoryLimitError | None:
    reason = lack_of_memory(error)
    deaths = _deaths(error)
    if deaths:
        what = (
            f"{deaths} workers of the cluster died one after another over the same "
            "piece of work, as they do for want of memory"
        )
        zh = f"集群的 {deaths} 个工作进程在同一任务上相继终止，通常因内存不足"
    elif reason:
        what, zh = f"Memory ran out: {reason}", f"内存不足：{reason}"
    else:
        return None
    built = getattr(error, "__notes__", ())  # the artefact, the tile, the scene
    return _told(night, ", ".join([step, *built]), what, zh)


def _told(night: Night, place: str, what: str, zh: str) -> MemoryLimitError:
    dask = night.settings.region.dask
    told = {name: getattr(dask, name) for name in LOWERED}
    lower = [f"{name} = {value}" for name, value in told.items() if value is not None]
    whom = "the run" if dask.scheduler == "threads" else "each worker (--memory-limit)"
    return MemoryLimitError(
        f"{what.rstrip('.')}. It happened in the step {place}.",
        zh=f"{zh}。发生在步骤 {place}。请调小区域文件 [dask] 中的 "
        f"{'、'.join(lower)}，或增加内存；已完成的工作会保留。",
        cure=f"Lower [dask] {' or '.join(lower)} in the region file, or give {whom} "
        "more memory, then run again: finished work is kept.",
        field="dask",
        item=place,
    )


def _deaths(error: Exception) -> int:
    """Return how many workers died before the scheduler of a cluster gave up."""
    # Not imported here: when memory is out, and without a cluster, it must not be.
    distributed = sys.modules.get("distributed")
    if distributed is None or not isinstance(error, distributed.KilledWorker):
        return 0
    return int(error.allowed_failures) + 1
