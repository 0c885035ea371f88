"""The guard at work: each second it observes, decides and executes, and publishes what it saw."""
