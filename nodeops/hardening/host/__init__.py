"""What controls look at and change on a host: files, packages, kernel parameters, mounts, PAM, services."""
