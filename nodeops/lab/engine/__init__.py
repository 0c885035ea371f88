"""The Docker engine of a lab: found or started, with the images that hosts are made of."""
