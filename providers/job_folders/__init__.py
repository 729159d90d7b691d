"""Services on this machine: a job is a folder, worked off by a process of its own."""
