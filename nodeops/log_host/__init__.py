"""A log host: takes the logs of its organisation's nodes, each known by its certificate, and keeps them within bounds."""
