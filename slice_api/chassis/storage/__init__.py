"""The storage port: slices keep Pydantic documents in collections and logs, and never learn which engine holds them."""
