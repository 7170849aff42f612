"""Probes.

Routes that show how the chassis treats a request.
"""
