"""CometBFT: its RPC, its answers, and proofs that need no trust in either."""
