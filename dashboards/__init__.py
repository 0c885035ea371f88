"""What a person sees of a network in Grafana: made here, kept as JSON in roles/dashboards/files, provisioned by that role."""
