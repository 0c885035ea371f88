"""Faults of a lab: the network, the process or the disk of a host is made ill for a while."""
