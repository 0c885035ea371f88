"""Debian packages for the hosts of all labs, fetched once: a proxy in a container of its own."""
