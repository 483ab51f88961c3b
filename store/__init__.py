"""The only package that touches disks, databases and networks."""
