"""The only room that touches the machine: commands, files, and later processes, systemd, nftables and sockets."""
