"""API keys.

Who may do what: keys with scopes, shown once, kept as a hash, revoked at once.
"""
