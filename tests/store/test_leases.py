"""Leases: one holder at a time, over by themselves, given back at once."""
