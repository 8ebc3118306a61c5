"""The least that a server can do for the same request: what ours is measured against."""
