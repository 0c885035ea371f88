"""A flood of logs on one host of a lab, and its guard at work."""
