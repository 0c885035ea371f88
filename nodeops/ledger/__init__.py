"""Ledger families: profiles as data, one driver a family, identity, genesis, status and records."""
