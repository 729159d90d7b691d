"""Files as people have them in, transcripts.jsonl out (and rejected.jsonl): one transcript a line.

Knows no request, no provider and no money. Imports `base`.
"""
