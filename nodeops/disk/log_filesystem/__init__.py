"""Give a ledger's log a filesystem of its own, whatever interrupts the move."""
