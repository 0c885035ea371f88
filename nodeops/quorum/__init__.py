"""What the chain can spare: may this node stop?"""
