"""Training of the models that the house ships. The product never imports this package."""
