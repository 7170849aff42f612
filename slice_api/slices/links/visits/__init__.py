"""Visits: what is read of visitors, noted a moment later; and those to addresses that no link has."""
