"""One program in two processes, as on two hosts of a cluster."""
