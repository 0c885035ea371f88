"""The ledger's log as one stream, sealed and live: lines, statistics, its level for a while."""
