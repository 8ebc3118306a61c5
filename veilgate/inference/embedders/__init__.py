"""What turns pictures into vectors."""
