"""Events.

What this service tells of itself: every topic with the schema of what it tells, an example, and who listens.
"""
