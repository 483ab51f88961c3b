"""Where and when: pure functions on arrays and geometries; opens no files."""
