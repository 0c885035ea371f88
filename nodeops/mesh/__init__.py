"""The network between the nodes, measured from inside it: probes from node to node, and what they say of whom."""
