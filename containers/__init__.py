"""What only containers need: a first start with nothing prepared, and the question whether one is well."""
