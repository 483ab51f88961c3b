"""Hash everything again and name what differs."""

from dataclasses import dataclass
from pathlib import Path

from store.catalog import Catalog, Damage
from store.model_shelf import shelf_damages
from store.published import published_damages


@dataclass(frozen=True, slots=True)
class Problem:
    file: str
    problem: str
    problem_zh: str

    def record(self) -> dict[str, str]:
        return {
            "file": self.file,
            "problem": self.problem,
            "problem_zh": self.problem_zh,
        }


def verify_home(home: Path) -> tuple[int, list[Problem]]:
    """Return how many files were hashed and which differ from their manifest."""
    catalog = Catalog(home / "store")
    published, of_published = published_damages(home / "published")
    models, of_models = shelf_damages(home / "models")
    found: list[Damage] = [*catalog.verify(), *of_published, *of_models]
    problems = [Problem(str(d.file), d.problem, d.problem_zh) for d in found]
    return catalog.count_files() + published + models, problems
