"""Search.

One question to every tool: what they find that the caller's key may read, tool by tool.
"""
