"""The plugins, a module or a package for each; `wire` is what several services speak, `job_folders` jobs on this
machine.

A plugin imports the public face of `pipeline` (provider, hookspecs, errors, variables), its own modules, those two.
"""
