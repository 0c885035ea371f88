"""The agent's own delivery: trees built on the controller, unpacked and switched on a host, verified and rolled back."""
