"""What other programs read from the environment, set before they are imported."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent


def home() -> Path:
    """Return the data folder: ``FORESTSINK_HOME``, or ``var`` in the checkout."""
    named = os.environ.get("FORESTSINK_HOME")
    return Path(named).expanduser().resolve() if named else CHECKOUT / "var"


def prepare(home: Path) -> None:
    """Keep Prefect in the data folder, silent towards the outside, and patient.

    Only what is not set already is set: a centre with its own Prefect server keeps it.
    """
    settings = {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "DASK_LOGGING__DISTRIBUTED": "error",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
