"""Routers within a router, which give each other more than a place."""
