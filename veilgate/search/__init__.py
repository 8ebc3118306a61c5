"""Vectors found by likeness: the index, its segments and snapshot, and how to ask for it over HTTP."""
