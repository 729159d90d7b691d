"""Transcripts as people have them, read as records of schemas/transcript.schema.json.

paths     which files, and the id each gives          file      one file -> its outcomes
load      bytes, unpacked                             formats   which reader takes which text
decode    text of the bytes                           record    what a reader found -> a record
captions, prose, speech, html, xml, docx, tsv         the readers: each gives a Reading
"""
