"""Evaluating flags from memory, for OpenFeature's remote protocol and for people who ask why."""
