"""Links as files: out of this service, and in from others."""
