"""Another version of the ledger on a node: may it go over, how, did it, and back."""
