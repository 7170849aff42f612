"""Platform.

What the service says of itself: the catalogue of slices, the OpenAPI document, what errors mean, how it is doing.
"""
