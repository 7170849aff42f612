"""Things.

What the tests keep, change and list.
"""
