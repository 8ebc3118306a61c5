"""Providers, one a file: each puts its question through `Asks` and reads its answer into a `Finding`."""
