"""What one organisation chooses for its own hosts: `nodeops_choices`. Pure."""
