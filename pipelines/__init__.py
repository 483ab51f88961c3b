"""Order, retries and schedules; no arithmetic and no file formats."""
