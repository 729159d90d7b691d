"""transcripts.jsonl and prompts in, batch.jsonl and index.jsonl out: one request a line. Nothing is paid here.

Knows neither jobs nor the ledger: what was sent before is handed in. Imports `money`, `transcripts` and `base`.
"""
