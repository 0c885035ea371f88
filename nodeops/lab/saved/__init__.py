"""Saved labs: the hosts of a lab as images, and hosts made from them again."""
