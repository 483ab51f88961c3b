"""Forests in numbers: pure functions and estimators; opens no files."""
