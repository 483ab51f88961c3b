"""Run the benchmarks, write ``results.json`` and the tables in the READMEs."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import growth
import night
import predict
import siting
import zonal
from alone import Figures, machine
from scale import scale_table
from table import rewrite, table_of

HERE = Path(__file__).parent
SCALE = HERE.parent / "docs" / "scale.md"
READMES = {"en": HERE.parent / "README.md", "zh": HERE.parent / "README.zh.md"}
BENCHMARKS: dict[str, Callable[..., list[Figures]]] = {
    "zonal": zonal.measure,
    "growth": growth.measure,
    "night": night.measure,
    "predict": predict.measure,
    "siting": siting.measure,
}


def main() -> None:
    """Measure, tell, and write unless only some benchmarks were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="under three minutes")
    parser.add_argument("--only", choices=BENCHMARKS, help="one, and write nothing")
    asked = parser.parse_args()
    results = []
    for name, measure in BENCHMARKS.items():
        if asked.only in (None, name):
            here = machine()
            print(name, flush=True)
            for one in measure(small=asked.small):
                size = "small" if asked.small else "full"
                results.append({**one, "size": size, "machine": here})
    print(table_of(results, "en"))
    if asked.only is None:
        text = json.dumps(results, ensure_ascii=False, indent=1) + "\n"
        (HERE / "results.json").write_text(text, encoding="utf-8")
        for language, path in READMES.items():
            rewrite(path, table_of(results, language))
        rewrite(SCALE, scale_table(results))


if __name__ == "__main__":
    main()
