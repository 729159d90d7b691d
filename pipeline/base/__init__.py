"""What every room stands on: files that survive a crash, records checked line by line, time, processes, words.

In and out: values of Python and files of one workspace. Imports only `pipeline.errors` and `schemas`.
"""
