"""Activity.

What has happened, newest first, and what happens now, as a live stream.
"""
