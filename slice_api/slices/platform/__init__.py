"""Platform.

What the service says of itself: how fast it answers, how it is doing, the catalogue of slices, the OpenAPI document,
what errors mean.
"""
