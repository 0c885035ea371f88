"""What `nodeops status` says: the ledger at a glance, and in a word how each guard of the host is doing."""
