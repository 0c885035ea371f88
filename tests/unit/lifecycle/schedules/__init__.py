"""Random schedules of operations and faults on a small model of the chain, judged by the pure policies that hosts use."""
