"""Heartbeats.

Jobs say that they have run; the one that stays silent is noticed.
"""
