"""Transcripts as JSON of speech services and programs. The shape decides, never the name of the file.

A shape is lists that must be there, written as paths: `results.items[].alternatives` is a list `items` in `results`
of which an item has the key `alternatives`. The first shape in the table that fits is the one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.errors import clean
from pipeline.transcripts.readers.reading import Reading, Unreadable
from pipeline.transcripts.readers.speech_json import clouds, programs, turn_lists, vendors
from pipeline.transcripts.readers.speech_json.values import about, first, seconds

SHAPES: tuple[tuple[str, tuple[str, ...], Callable[[Any], Reading]], ...] = (
    ("Deepgram", ("results.channels[]",), vendors.deepgram),
    ("AWS Transcribe", ("results.items[]",), clouds.aws),
    ("AWS Transcribe", ("results.channel_labels.channels[]", "results.transcripts[]"), clouds.aws),
    ("Azure batch", ("recognizedPhrases[]",), clouds.azure_batch),
    ("Azure fast", ("phrases[].text", "combinedPhrases[]"), clouds.azure_fast),
    ("Azure fast", ("phrases[].offsetMilliseconds",), clouds.azure_fast),
    ("Rev", ("monologues[].elements",), vendors.rev),
    ("YouTube", ("events[].segs",), programs.youtube),
    ("YouTube", ("events[].tStartMs",), programs.youtube),
    ("whisper.cpp", ("transcription[].offsets",), programs.whisper_cpp),
    ("whisper.cpp", ("transcription[].timestamps",), programs.whisper_cpp),
    ("Oyez", ("sections[].turns",), turn_lists.oyez),
    ("Speechmatics", ("results[].type", "results[].alternatives"), vendors.speechmatics),
    ("Speechmatics", ("words[].name", "speakers[]"), vendors.speechmatics_v1),
    ("Google", ("results[].alternatives",), clouds.google),
    ("ElevenLabs", ("words[].type", "words[].text"), vendors.elevenlabs),
    ("ElevenLabs", ("transcripts[].words", "transcripts[].language_code"), vendors.elevenlabs),
    ("AssemblyAI", ("words[].text", "words[].confidence"), vendors.assemblyai),
    ("AssemblyAI", ("utterances[].confidence", "words[]"), vendors.assemblyai),
)
WRAPPERS = ("response", "data", "result", "output", "transcript", "transcription")
BESIDE_TEXT = {"words", "segments", "usage", "logprobs"}  # what else may stand with OpenAI's bare text
BROKEN = (LookupError, TypeError, ValueError, AttributeError, RecursionError, OverflowError)
INSTEAD = 'export .srt or .vtt, or write lines of {"id", "text"}'


def read(data: object) -> Reading:
    """The words of a parsed JSON file. Raises Unreadable where the shape is not known, or broken."""
    reading = _read(data, depth=4)
    if reading is None:
        raise Unreadable(f"JSON of no known transcript shape; {_top(data)}; {INSTEAD}")
    return reading


def _read(data: object, depth: int) -> Reading | None:
    if not isinstance(data, (dict, list)) or (isinstance(data, dict) and "result_index" in data):  # IBM Watson
        return None
    for name, paths, reader in SHAPES:
        if all(_fits(data, path) for path in paths):
            return _guarded(name, reader, data)
    if items := turn_lists.found(data):
        return _guarded("the", turn_lists.read, data, items)
    if isinstance(data, list):
        return None
    return _text(data) or (_wrapped(data, depth - 1) if depth else None) or _empty(data)


def _guarded(name: str, reader: Callable[..., Reading], *data: Any) -> Reading:
    try:
        return reader(*data)
    except BROKEN as error:
        why = clean(f"{type(error).__name__} {error}", 100)
        raise Unreadable(f"{name} JSON is damaged: {why}; {INSTEAD}") from None


def _fits(data: object, path: str) -> bool:
    names, _, key = path.partition("[]")
    for name in names.split("."):
        data = data.get(name) if isinstance(data, dict) else None
    if not isinstance(data, list):
        return False
    return not key or any(isinstance(item, dict) and key[1:] in item for item in data)


def _text(data: dict[str, Any]) -> Reading | None:
    """OpenAI's shortest answer: the text, and what it cost. With other lists beside it, it may be but a part."""
    text = data.get("text")
    if not isinstance(text, str) or any(isinstance(data[key], (dict, list)) for key in data.keys() - BESIDE_TEXT):
        return None
    fields = about(data.get("title"), first(data, "language", "language_code"), seconds(data.get("duration")))
    return Reading("text json", text=text.strip(), fields=fields)


def _wrapped(data: dict[str, Any], depth: int) -> Reading | None:
    """A transcript inside the answer of a service; what is said outside it holds too."""
    for inner in (data[key] for key in WRAPPERS if isinstance(data.get(key), dict)):
        if reading := None if set(inner) <= {"text"} else _read(inner, depth):
            reading.fields = about(data.get("title")) | reading.fields
            return reading
    return None


def _empty(data: dict[str, Any]) -> Reading | None:
    return None if turn_lists.found(data) is None else Reading("turns json")


def _top(data: object) -> str:
    if isinstance(data, dict):
        return f"top level: {_keys(data)}"
    if not isinstance(data, list):
        return f"a {type(data).__name__} alone"
    if not data:
        return "an empty list"
    return f"a list of {'objects with ' + _keys(data[0]) if isinstance(data[0], dict) else type(data[0]).__name__}"


def _keys(data: dict[str, Any]) -> str:
    names = [clean(key, 40) for key in sorted(data)[:13]]
    return ", ".join(names[:12] + ["…"] * (len(names) > 12)) or "nothing"
