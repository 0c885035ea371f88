"""Which run this is: `make test`, at the size that proves what is tested, or `make test-long`, in full (docs/testing.md)."""

import os

FULL = os.environ.get("NODEOPS_FULL") == "1"
