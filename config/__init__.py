"""Settings, regions and coefficients; the only package that reads the environment."""
