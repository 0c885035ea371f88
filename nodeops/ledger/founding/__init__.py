"""From the public identities of all members to one genesis, made once."""
