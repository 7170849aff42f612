"""Echoes.

What reacts to things, works by the clock and writes a moment later.
"""
