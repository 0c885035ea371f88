"""What is special about a chain of Cosmos SDK modules: addresses, and the state that it starts from."""
