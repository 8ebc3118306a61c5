"""Configuration of what watches the house; its Python is what the dashboards are drawn with."""
