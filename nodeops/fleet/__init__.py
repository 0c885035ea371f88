"""Many hosts at once, over SSH: what their nodes say, and one verb run on all of them. Only `ssh` touches the network."""
