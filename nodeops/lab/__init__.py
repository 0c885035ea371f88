"""Docker containers with systemd and SSH that stand for hosts: made, found, stopped and removed by their labels."""
