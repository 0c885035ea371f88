"""Maintenance leases on the ledger: whose node may be away, so that controllers of organisations need not talk to each other."""
