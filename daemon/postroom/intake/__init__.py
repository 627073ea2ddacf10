"""Doors: where mail comes in."""
