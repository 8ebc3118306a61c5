"""Veilgate: a self-hosted image gateway."""

__version__ = "0.1.0"
