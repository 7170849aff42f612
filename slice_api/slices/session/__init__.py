"""Session.

Signing in on the web page with a key, and out again.
"""
