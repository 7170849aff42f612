"""Flagd documents: reading them, replacing a set by one, and giving them back as they came."""
