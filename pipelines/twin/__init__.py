"""The order in which a simulated county is made; the one place that knows all of it."""
