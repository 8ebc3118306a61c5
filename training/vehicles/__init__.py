"""The vehicle detector: its network, what it is taught with, and how it becomes a file."""
