"""The table of features for people: ``python -m pipelines.feature_docs`` prints it."""

import sys

from models.feature_table import NAMED_FEATURES

HEAD = """# Features 特征

What models learn from, by name: bands of a feature raster carry these names as their
descriptions, tables as their headers. Made from `models/features.py` and
`models/canopy.py` by `make docs`; do not edit.

| name | title | 名称 | unit | range |
|---|---|---|---|---|
"""


def features_markdown() -> str:
    """Return every feature with title, unit and range."""
    return HEAD + "".join(
        f"| `{one.name}` | {one.title} | {one.title_zh} | {one.unit} | "
        f"{one.valid_range[0]:g} to {one.valid_range[1]:g} |\n"
        for one in NAMED_FEATURES
    )


if __name__ == "__main__":
    sys.stdout.write(features_markdown())
