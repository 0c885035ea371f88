"""Hashes of files on the ledger, in its order, each proven."""
