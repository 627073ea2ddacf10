"""Deciding: facts in, verdicts and effects out. Pure."""
