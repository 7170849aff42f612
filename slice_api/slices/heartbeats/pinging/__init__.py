"""Pings: how they come in, and what is answered."""
