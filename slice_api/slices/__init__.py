"""The tools. Every folder here is a slice: found at start, mounted at `/api/<folder>`, registered nowhere."""
