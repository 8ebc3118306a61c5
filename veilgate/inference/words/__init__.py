"""What knows which words mean alike."""
