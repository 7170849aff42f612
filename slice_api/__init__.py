"""Slice API: a self-hosted toolbox for small teams, one folder a tool."""

__version__ = "0.1.0"
