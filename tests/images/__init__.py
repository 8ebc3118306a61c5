"""The container images as folders: clean environments, the files that the Dockerfile copies, its commands."""
