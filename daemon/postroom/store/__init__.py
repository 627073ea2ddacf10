"""The database: facts out, effects in."""
