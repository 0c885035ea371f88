"""SSH as a host and a controller see it: what a configuration means, who is behind whom, which session is at work."""
