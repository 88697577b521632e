"""What rawat costs beside Fabric, pyinfra, ansible-core and ssh, on this machine, in this run."""
