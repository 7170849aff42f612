"""Tests of behaviour, through the public API."""
