"""Slices with paths of every kind, for the tests of dispatch."""
