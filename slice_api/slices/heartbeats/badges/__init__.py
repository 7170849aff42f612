"""Badges: what state checks are in, as pictures and JSON for everybody who has the address."""
