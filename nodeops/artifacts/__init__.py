"""Programs that hosts are given, from Go modules, URLs and files: fetched or built, verified, cached on the controller."""
