"""Every capability's metrics put together, and served to the monitors that the consortium file names."""
