"""The one error hierarchy: each class says what happens next.

``ProviderUnavailableError`` is tried again; an ``InputError`` puts its input into
quarantine and the rest of the night goes on; everything else stops the run.
"""

from typing import ClassVar, Self


class ForestsinkError(Exception):
    """A failure that names the file, the value and the cure, in two languages."""

    code: ClassVar[str] = "forestsink"

    def __init__(
        self, what: str, *, zh: str = "", cure: str = "", **where: object
    ) -> None:
        """Describe a failure.

        Parameters
        ----------
        what
            What is wrong, in English, naming the value that was given.
        zh
            The same for a Chinese reader, with the cure.
        cure
            What to do next, in English.
        where
            Any of ``file``, ``layer``, ``field``, ``item`` (row or feature),
            ``value`` and ``expected``.
        """
        super().__init__(what)
        self.what = what
        self.zh = zh
        self.cure = cure
        self.where = {name: str(value) for name, value in where.items()}

    def __str__(self) -> str:
        place = ", ".join(f"{name}: {value}" for name, value in self.where.items())
        parts = [self.what, f"[{place}]" if place else "", self.cure]
        return " ".join(part for part in parts if part)

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the trip from a Dask worker."""
        return _rebuild, (type(self), self.what, self.zh, self.cure, self.where)

    def at(self, **where: object) -> Self:
        """Add what only the caller knows, such as the file."""
        self.where |= {name: str(value) for name, value in where.items()}
        return self

    def record(self) -> dict[str, str]:
        """Return what quarantine, report and log write down."""
        return {
            "code": self.code,
            "message": self.what,
            "message_zh": self.zh or self.what,
            "cure": self.cure,
            **self.where,
        }


def _rebuild(
    kind: type[ForestsinkError], what: str, zh: str, cure: str, where: dict[str, str]
) -> ForestsinkError:
    return kind(what, zh=zh, cure=cure, **where)


class InputError(ForestsinkError):
    """Bad input: quarantined with its reason; the night goes on without it."""

    code = "input"


class UnsafePathError(InputError):
    """A path, link, archive or driver that may not be opened."""

    code = "input.unsafe"


class RasterError(InputError):
    """A raster that cannot be trusted."""

    code = "input.raster"


class VectorError(InputError):
    """A vector layer, or features of one, that cannot be trusted."""

    code = "input.vector"


class TableError(InputError):
    """A table, or rows of one, that cannot be trusted."""

    code = "input.table"


class SettingsError(ForestsinkError):
    """A setting that is missing, misspelt or out of bounds."""

    code = "settings"


class InfeasibleError(ForestsinkError):
    """A request that makes sense but that nothing can meet."""

    code = "infeasible"


class GridMismatchError(ForestsinkError):
    """Arrays that should share a grid do not."""

    code = "grid"


class TooFewObservationsError(ForestsinkError):
    """Not enough to compute from."""

    code = "observations"


class ModelError(ForestsinkError):
    """A model that may not be used here, or that was changed on disk."""

    code = "model"


class StoreError(ForestsinkError):
    """The store is damaged, full, locked or read-only."""

    code = "store"


class BusyError(StoreError):
    """Another run holds the region."""

    code = "store.busy"


class MemoryLimitError(ForestsinkError):
    """Memory ran out, in this process or on the workers of a cluster."""

    code = "memory"


class ClusterError(ForestsinkError):
    """A Dask cluster that did not answer."""

    code = "cluster"


class ProviderUnavailableError(ForestsinkError):
    """A source that did not answer; flows try again, and only for this one."""

    code = "provider"
