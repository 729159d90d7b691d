"""Which reader takes which text: a table, asked from the top. File names decide nothing here."""

from __future__ import annotations

from importlib import import_module

from pipeline.transcripts.readers.reading import Reading, Unreadable

# What people have and no reader takes, by the first bytes: what it is, and what to do.
REFUSED = {
    b"%PDF": "a PDF; export the transcript as .docx, .txt or .vtt",
    b"{\\rtf": "RTF; save it as .docx or .txt",
    b"\xd0\xcf\x11\xe0": "an old Word file; save it as .docx",
    b"[Script Info]": "ASS subtitles; export them as .srt",
    b"ID3": "audio; transcribe it first",
    b"\xff\xfb": "audio; transcribe it first",
    b"RIFF": "audio or video; transcribe it first",
    b"OggS": "audio; transcribe it first",
    b"fLaC": "audio; transcribe it first",
    b"\x1aE\xdf\xa3": "video; transcribe it first",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"BZh": "compressed with bzip2; unpack it, or use .gz",
    b"\xfd7zXZ": "compressed with xz; unpack it, or use .gz",
}
# Modules, imported when asked: most files are captions.
READERS = ("captions", "xml_captions", "web_page", "whisper_tsv", "plain_text")


def read(text: str) -> Reading:
    """The words of a file that is neither JSON nor Word. Raises Unreadable."""
    readers = (import_module(f"pipeline.transcripts.readers.{name}") for name in READERS)
    return next(reader.read(text) for reader in readers if reader.matches(text))


def zipped(data: bytes) -> bool:
    """Whether the bytes are a zip, as a Word document is; word_document.read says what it is otherwise."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def refuse(data: bytes) -> None:
    """Raises Unreadable for what is no transcript, with what to do instead."""
    for magic, what in REFUSED.items():
        if data.startswith(magic):
            raise Unreadable(f"this is {what}")
    if data[4:8] == b"ftyp":
        raise Unreadable("this is audio or video; transcribe it first")
