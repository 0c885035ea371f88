"""Dashboards as pictures, without a Grafana server: Grafana's own components in a browser, data of a real monitor."""
