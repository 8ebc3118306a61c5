"""Measures speed, memory and recall on this machine; see docs/benchmarks.md."""
