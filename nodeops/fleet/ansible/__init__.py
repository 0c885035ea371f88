"""How Ansible runs a verb on a host, and what it says of a host that cannot."""
