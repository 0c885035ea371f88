"""Does everything say what the consortium file says: the chain, nodes, monitors, and the host of a node that left?"""
