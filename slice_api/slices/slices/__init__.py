"""Slices.

The report card of every slice: what it offers and keeps, why it is not loaded, and which marks it has earned.
"""
