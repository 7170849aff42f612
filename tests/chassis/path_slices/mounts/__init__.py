"""A router that holds another app."""
