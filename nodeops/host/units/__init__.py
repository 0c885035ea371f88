"""The units of systemd on this host: observed, started, told when they are ready; a timer that undoes."""
