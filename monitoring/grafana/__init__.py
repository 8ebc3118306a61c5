"""The dashboards, and what Grafana reads them from."""
