"""Slow, obvious definitions that share no code with `extval.stats`."""
