"""One node: what it says, whether it runs what is configured, its start and its return."""
