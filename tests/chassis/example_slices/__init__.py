"""Slices that exist for the tests of the chassis alone."""
