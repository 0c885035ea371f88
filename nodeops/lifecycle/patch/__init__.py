"""Updates of the operating system: what is pending, what they touch, and how they are put in without costing the quorum."""
