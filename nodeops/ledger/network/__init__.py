"""Judge a whole network from what its nodes say."""
