"""The container images and the compose files, without an engine: read, and run as far as processes go."""
