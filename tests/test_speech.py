"""JSON of speech services: one small file of each shape, every word kept, and anything else refused."""

from __future__ import annotations

import copy
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from pipeline.transcripts.readers import speech_json as speech
from pipeline.transcripts.readers.reading import Unreadable
from pipeline.transcripts.readers.speech_json import timed_words as words
from pipeline.transcripts.readers.speech_json import values


def spoken(text, speaker=None, key="word"):
    """Words of a text, half a second each, as most services write them."""
    who = {} if speaker is None else {"speaker": speaker}
    return [
        {key: part, "start": at / 2, "end": at / 2 + 0.4, "confidence": 0.9} | who
        for at, part in enumerate(text.split())
    ]


def aws_item(content, start=None, label=None):
    item = {"type": "punctuation", "alternatives": [{"confidence": "0.0", "content": content}]}
    if start is not None:
        item |= {"type": "pronunciation", "start_time": f"{start:.2f}", "end_time": f"{start + 0.4:.2f}"}
    return item | ({"speaker_label": label} if label else {})


def aws(items, own, **results):
    return {
        "jobName": "j",
        "status": "COMPLETED",
        "results": {"transcripts": [{"transcript": own}], "items": items} | results,
    }


AWS_ITEMS = [aws_item("Good", 0.5), aws_item("morning", 1.0), aws_item("."), aws_item("Hi", 2.0), aws_item("!")]
AWS_LABELS = {
    "speakers": 2,
    "segments": [
        {
            "items": [
                {"start_time": "0.50", "speaker_label": "spk_0"},
                {"start_time": "1.00", "speaker_label": "spk_0"},
            ]
        },
        {"items": [{"start_time": "2.00", "speaker_label": "spk_1"}]},
    ],
}
GOOGLE_WORDS = [
    {"word": word, "startTime": {"seconds": "1", "nanos": 500_000_000}, "endTime": "2.300s", "speakerTag": tag}
    for word, tag in (("well", 1), ("yes", 1), ("no", 2))
]
AZURE_NBEST = [{"confidence": 0.9, "lexical": "x", "display": "Hello there."}, {"display": "Yellow hair."}]
SCRIBE = [
    {"text": "Hello", "type": "word", "start": 0.1, "end": 0.4, "speaker_id": "speaker_0"},
    {"text": " ", "type": "spacing", "start": 0.4, "end": 0.5, "speaker_id": "speaker_0"},
    {"text": "you.", "type": "word", "start": 0.5, "end": 0.8, "speaker_id": "speaker_0"},
    {"text": " ", "type": "spacing", "start": 0.8, "end": 0.9, "speaker_id": "speaker_1"},
    {"text": "(laughs)", "type": "audio_event", "start": 0.9, "end": 1.5, "speaker_id": "speaker_1"},
]


def matics(content, kind="word", speaker="S1", **more):
    return {
        "type": kind,
        "start_time": 1.0,
        "end_time": 1.5,
        "alternatives": [{"content": content, "speaker": speaker}],
    } | more


# name: (data, format, text). The text is all that was said, and by whom.
SHAPES = {
    "namespace": (
        {"version": "1.0.0", "segments": [
            {"speaker": "Ana", "startTime": 0.5, "endTime": 0.75, "body": "Well,"},
            {"speaker": "Ana", "startTime": 1, "endTime": 1.25, "body": "now.\n"},
            {"startTime": 2, "body": "Still Ana."},
            {"speaker": "Bo", "startTime": 3, "endTime": 4, "body": "Yes"}]},
        "podcast namespace json", "Ana: Well, now. Still Ana.\n\nBo: Yes"),
    "whisper": (
        {"text": " One two. Three.", "language": "english", "duration": 4.5, "segments": [
            {"id": 0, "start": 0.0, "end": 2.0, "text": " One two.", "words": spoken("One two.")},
            {"id": 1, "start": math.nan, "end": 4.0, "text": " Three.", "avg_logprob": -0.1}]},
        "whisper json", "One two. Three."),
    "whisperx": (
        {"language": "en", "segments": [
            {"start": 0.0, "end": 3.0, "text": " Are you 20? No.", "speaker": "SPEAKER_06", "words": [
                {"word": "Are", "start": 0.0, "end": 0.2},
                {"word": "you", "start": 0.3, "end": 0.5, "speaker": "SPEAKER_06"},
                {"word": "20?"},
                {"word": "No.", "start": 2.0, "end": 2.4, "speaker": "SPEAKER_01"}]},
            {"start": 3.0, "end": 4.0, "text": "Never."}]},
        "whisper json", "SPEAKER_06: Are you 20?\n\nSPEAKER_01: No. Never."),
    "diarized_json": (
        {"text": "Hi. Ho.", "task": "transcribe", "duration": 2, "usage": {"type": "duration"}, "segments": [
            {"type": "transcript.text.segment", "id": "1", "start": 0, "end": 1, "text": "Hi.", "speaker": "A"},
            {"type": "transcript.text.segment", "id": "2", "start": 1, "end": 2, "text": "Ho.", "speaker": "Kim"}]},
        "whisper json", "Speaker A: Hi.\n\nKim: Ho."),
    "hugging face": (
        {"text": " Hi. Ho.", "chunks": [
            {"timestamp": [0.0, 1.5], "text": " Hi."}, {"timestamp": [1.5, None], "text": " Ho."}]},
        "whisper json", "Hi. Ho."),
    "whisper.cpp": (
        {"systeminfo": "", "result": {"language": "de"}, "transcription": [
            {"timestamps": {}, "offsets": {"from": 0, "to": 1500}, "text": " Eins.", "speaker": "0"},
            {"offsets": {"from": 1500, "to": 2500}, "text": " Zwei.", "speaker": "1"},
            {"offsets": {"from": 2500, "to": 3500}, "text": " Drei.", "speaker": "?"}]},
        "whisper.cpp json", "Speaker 0: Eins.\n\nSpeaker 1: Zwei. Drei."),
    "deepgram words": (
        {"metadata": {"duration": 9.5}, "results": {"channels": [{"detected_language": "en", "alternatives": [
            {"transcript": "Hi there. Ho.", "words":
                [word | {"punctuated_word": word["word"].title()} for word in spoken("hi there.", 0)]
                + [{"word": "ho", "punctuated_word": "Ho.", "start": 3, "end": 4, "speaker": 1}]}]}]}},
        "deepgram json", "Speaker 0: Hi There.\n\nSpeaker 1: Ho."),
    "deepgram utterances": (
        {"results": {"channels": [{"alternatives": [{"transcript": "Hi. Ho."}]}], "utterances": [
            {"start": 0.1, "end": 1, "channel": 0, "transcript": "Hi.", "speaker": 0},
            {"start": 2.1, "end": 3, "channel": 0, "transcript": "Ho.", "speaker": 1}]}},
        "deepgram json", "Speaker 0: Hi.\n\nSpeaker 1: Ho."),
    "deepgram channels": (
        {"results": {"channels": [
            {"alternatives": [{"transcript": "One. Three.", "words": [
                {"word": "One.", "start": 0, "end": 1}, {"word": "Three.", "start": 4, "end": 5}]}]},
            {"alternatives": [{"transcript": "Two.", "words": [{"word": "Two.", "start": 2, "end": 3}]}]}]}},
        "deepgram json", "Channel 1: One.\n\nChannel 2: Two.\n\nChannel 1: Three."),
    "deepgram text": (
        {"results": {"channels": [{"alternatives": [{"transcript": "only text"}]}, {"alternatives": []}]}},
        "deepgram json", "Channel 1: only text"),
    "assemblyai utterances": (
        {"id": "x", "text": "Hi you. Ho.", "audio_duration": 12, "language_code": "en_us",
         "words": spoken("Hi you. Ho.", "A", "text"),
         "utterances": [{"speaker": "A", "start": 250, "end": 900, "text": "Hi you.", "words": []},
                        {"speaker": "B", "start": 1000, "end": 1900, "text": "Ho."}]},
        "assemblyai json", "Speaker A: Hi you.\n\nSpeaker B: Ho."),
    "assemblyai words": (
        {"text": "Hi you. Ho.", "words": spoken("Hi you. Ho.", key="text"), "utterances": None},
        "assemblyai json", "Hi you. Ho."),
    "assemblyai text": (
        {"text": "Hi, you two.", "words": spoken("hi you 2", key="text")},
        "assemblyai json", "Hi, you two."),
    "aws": (aws(AWS_ITEMS, "Good morning. Hi!"), "aws transcribe json", "Good morning. Hi!"),
    "aws labels": (
        aws(AWS_ITEMS, "Good morning. Hi!", speaker_labels=AWS_LABELS, language_code="en-US"),
        "aws transcribe json", "spk_0: Good morning.\n\nspk_1: Hi!"),
    "aws labels on items": (
        aws([aws_item("No", 1, "spk_1"), aws_item(".", None, "spk_1"), aws_item("Yes", 2, "spk_0")], "No. Yes"),
        "aws transcribe json", "spk_1: No.\n\nspk_0: Yes"),
    "aws without its text": (
        {"results": {"items": AWS_ITEMS}}, "aws transcribe json", "Good morning. Hi!"),
    "aws chinese": (
        aws([aws_item("你", 1), aws_item("好", 2), aws_item("。"), aws_item("好", 3)], "你好。好"),
        "aws transcribe json", "你好。 好"),
    "aws channels": (
        aws(AWS_ITEMS, "Good morning. Hi!", channel_labels={"channels": [
            {"channel_label": "ch_0", "items": AWS_ITEMS[:3]}, {"channel_label": "ch_1", "items": AWS_ITEMS[3:]}]}),
        "aws transcribe json", "Channel 1: Good morning.\n\nChannel 2: Hi!"),
    "google": (
        {"name": "1", "done": True, "response": {"results": [
            {"alternatives": [{"transcript": "well yes", "words": [
                {"word": "well", "startTime": "1.500s", "endTime": "2s"}, {"word": "yes", "endTime": "2.5s"}]},
                {"transcript": "wall"}], "languageCode": "en-us"},
            {"alternatives": []},
            {"alternatives": [{"transcript": " no"}], "resultEndTime": "9s"}]}},
        "google json", "well yes no"),
    "google diarized": (
        {"results": [
            {"alternatives": [{"transcript": "well yes", "words": [{"word": "well"}, {"word": "yes"}]}]},
            {"alternatives": [{"transcript": " no", "words": [{"word": "no"}]}]},
            {"alternatives": [{"words": GOOGLE_WORDS}]}]},
        "google json", "Speaker 1: well yes\n\nSpeaker 2: no"),
    "google, the last part alone with speakers": (
        {"results": [{"alternatives": [{"transcript": "much was said before"}]}, {"alternatives": [
            {"transcript": "no", "words": [{"word": "no", "speakerTag": 2}]}]}]},
        "google json", "much was said before\n\nSpeaker 2: no"),
    "google v2": (
        {"results": [
            {"alternatives": [{"transcript": "Well yes.", "words": [
                {"word": "Well", "startOffset": "0.5s", "speakerLabel": "1"},
                {"word": "yes.", "speakerLabel": "1"}]}]},
            {"alternatives": [{"transcript": "Certainly not.", "words": [
                {"word": "Certainly", "startOffset": "3s", "speakerLabel": "2"},
                {"word": "not.", "speakerLabel": "2"}]}]}]},
        "google json", "Speaker 1: Well yes.\n\nSpeaker 2: Certainly not."),
    "google channels": (
        {"results": [
            {"channelTag": 1, "alternatives": [
                {"transcript": "yes", "words": [{"word": "yes", "startTime": "1s"}]}]},
            {"channelTag": 1, "alternatives": [
                {"transcript": "oh", "words": [{"word": "oh", "startTime": "5s"}]}]},
            {"channelTag": 2, "alternatives": [
                {"transcript": "no", "words": [{"word": "no", "startTime": "3s"}]}]}]},
        "google json", "Channel 1: yes\n\nChannel 2: no\n\nChannel 1: oh"),
    "azure batch": (
        {"source": "a.wav", "duration": "PT1M2.5S", "combinedRecognizedPhrases": [], "recognizedPhrases": [
            {"offsetInTicks": 3e7, "durationInTicks": 5_000_000, "speaker": 2, "nBest": [{"display": "Bye."}]},
            {"offset": "PT1.5S", "duration": "PT0.5S", "speaker": 1, "locale": "en-GB", "nBest": AZURE_NBEST},
            {"recognitionStatus": "Failure", "offset": "PT9S"}]},
        "azure batch json", "Speaker 1: Hello there.\n\nSpeaker 2: Bye."),
    "azure channels": (
        {"recognizedPhrases": [
            {"channel": 1, "offsetInTicks": 20_000_000, "nBest": [{"display": "Two."}]},
            {"channel": 0, "offsetInTicks": 10_000_000, "nBest": [{"display": "One."}]}]},
        "azure batch json", "Channel 1: One.\n\nChannel 2: Two."),
    "azure fast": (
        {"durationMilliseconds": 2400, "combinedPhrases": [{"text": "Hi. Ho."}], "phrases": [
            {"offsetMilliseconds": 1200, "text": "Ho.", "speaker": 2, "locale": "es-ES"},
            {"offsetMilliseconds": 0, "durationMilliseconds": 1000, "text": "Hi.", "speaker": 1}]},
        "azure fast json", "Speaker 1: Hi.\n\nSpeaker 2: Ho."),
    "rev": (
        {"speakers": [{"id": 1, "name": "Kim Lo"}], "monologues": [
            {"speaker": 0, "elements": [
                {"type": "text", "value": "Hi", "ts": 0.5, "end_ts": 0.9}, {"type": "punct", "value": " "},
                {"type": "text", "value": "all", "ts": 1.0, "end_ts": 1.4}, {"type": "punct", "value": "."}]},
            {"speaker": 1, "elements": [{"type": "unknown", "value": "<inaudible>"}]}]},
        "rev json", "Speaker 0: Hi all.\n\nKim Lo: <inaudible>"),
    "speechmatics": (
        {"job": {"duration": 30}, "metadata": {"transcription_config": {"language": "en"}}, "results": [
            matics("Hello"), matics(",", "punctuation", attaches_to="previous"), matics("you"),
            matics("¿", "punctuation", attaches_to="next"), matics("two"), matics("?", "punctuation"),
            {"type": "speaker_change", "start_time": 2}, matics("Yes", speaker="S2"), matics("no", speaker="UU")]},
        "speechmatics json", "S1: Hello, you ¿two?\n\nS2: Yes no"),
    "speechmatics v1": (
        {"job": {"lang": "en-GB", "duration": "3"},
         "speakers": [{"name": "M1", "time": "0.0"}, {"name": "F2", "time": "1.0"}],
         "words": [{"name": "Hi", "time": "0.1", "duration": "0.2"}, {"name": ".", "time": "0.3", "duration": "0"},
                   {"name": "Ho", "time": "1.0", "duration": "0.5"}]},
        "speechmatics json", "M1: Hi.\n\nF2: Ho"),
    "elevenlabs": (
        {"language_code": "eng", "text": "Hello you. (laughs)", "words": SCRIBE},
        "elevenlabs json", "speaker_0: Hello you.\n\nspeaker_1: (laughs)"),
    "elevenlabs without its text": (
        {"language_code": "zh", "words": [{"text": text, "type": kind} for text, kind in (
            ("你", "word"), ("好", "word"), (" ", "spacing"), ("再", "word"))]},
        "elevenlabs json", "你好 再"),
    "elevenlabs channels": (
        {"transcripts": [
            {"language_code": "en", "text": "Hello you.", "channel_index": 0, "words": SCRIBE[:3]},
            {"language_code": "en", "text": "(laughs)", "channel_index": 1, "words": SCRIBE[4:]}]},
        "elevenlabs json", "Channel 1: Hello you.\n\nChannel 2: (laughs)"),
    "youtube": (
        {"wireMagic": "pb3", "events": [
            {"tStartMs": 0, "dDurationMs": 9000, "id": 1},
            {"tStartMs": 40, "dDurationMs": 4000, "segs": [{"utf8": "so"}, {"utf8": " we", "tOffsetMs": 200}]},
            {"tStartMs": 2000, "aAppend": 1, "segs": [{"utf8": "\n"}]},
            {"tStartMs": 2010, "segs": [{"utf8": "go on"}]}]},
        "youtube json", "so we go on"),
    "podlove": (
        {"transcripts": [
            {"start": "00:00:01.000", "start_ms": 1000, "speaker": "7", "voice": "Ana", "text": "Hi."},
            {"start": "00:00:02.000", "start_ms": 2000, "speaker": "", "voice": "", "text": "Still."}]},
        "podlove json", "Ana: Hi. Still."),
    "podlove list": (
        [{"start_ms": 1000, "end_ms": 2000, "voice": "Ana", "text": "Hi."}], "podlove json", "Ana: Hi."),
    "fireflies": (
        {"data": {"transcript": {"title": "Weekly", "duration": 30, "sentences": [
            {"speaker_name": "Ana", "speaker_id": 0, "text": "Hi.", "raw_text": "hi", "start_time": 0.5},
            {"speaker_name": None, "speaker_id": 1, "text": "Ho.", "start_time": 1.5, "end_time": 2}]}}},
        "fireflies json", "Ana: Hi.\n\nSpeaker 1: Ho."),
    "oyez": (
        {"id": 7, "title": "A v. B", "transcript": {"title": "Oral argument", "sections": [{"start": 0, "turns": [
            {"start": 0, "stop": 9.5, "speaker": {"name": "Ana Lee", "roles": []}, "text_blocks": [
                {"start": 0, "text": "We will"}, {"start": 3, "text": "hear argument."}]},
            {"start": 9.5, "stop": 12, "speaker": {"name": "Ana Lee"}, "text_blocks": [{"text": "Now."}]}]}]}},
        "oyez json", "Ana Lee: We will hear argument.\n\nAna Lee: Now."),
    "qmsum": (
        {"topic_list": [], "specific_query_list": [{"query": "Why?", "answer": "So."}],
         "general_query_list": [
             {"query": "Who?", "answer": "All."}, {"query": "Summarize the meeting.", "answer": "They met."}],
         "meeting_transcripts": [
             {"speaker": "Chair", "content": "So {vocalsound} hello ."}, {"speaker": "Chair", "content": "Go on ."},
             {"speaker": "Ben", "content": "{disfmarker}"}, {"speaker": "Ben", "content": "Yes {gap} ."}]},
        "turns json", "Chair: So hello .\n\nChair: Go on .\n\nBen: Yes ."),
    "turns": (
        [{"speaker": {"name": "Ana:"}, "text": "a {thing}"}, {"speaker": "Ana", "text": "b"},
         {"speaker": 2, "text": "c"}],
        "turns json", "Ana: a {thing}\n\nAna: b\n\nSpeaker 2: c"),
    "turns in an object": (
        {"turns": [{"speaker": "Ana", "text": "a {thing}"}], "notes": []}, "turns json", "Ana: a {thing}"),
    "gladia": (
        {"title": "Call", "result": {"metadata": {}, "transcription": {"full_transcript": "Hi. Ho.", "utterances": [
            {"text": "Hi.", "start": 0.5, "end": 1.5, "speaker": 0, "words": spoken("Hi.")},
            {"text": "Ho.", "start": 2.5, "end": 3.5, "speaker": 1}]}}},
        "whisper json", "Speaker 0: Hi.\n\nSpeaker 1: Ho."),
    "text": ({"text": " All of it. ", "usage": {"type": "tokens"}}, "text json", "All of it."),
}  # fmt: skip

STARTS = {  # seconds of the first and of the last segment
    "namespace": (0.5, 3.0), "whisper": (0.0, None), "whisperx": (0.0, 3.0), "hugging face": (0.0, 1.5),
    "whisper.cpp": (0.0, 2.5), "deepgram words": (0.0, 3.0), "assemblyai utterances": (0.25, 1.0),
    "aws labels": (0.5, 2.0), "google": (1.5, None), "google diarized": (1.5, 1.5), "azure batch": (1.5, 3.0),
    "azure fast": (0.0, 1.2), "rev": (0.5, None), "speechmatics v1": (0.1, 1.0), "elevenlabs": (0.1, 0.9),
    "youtube": (0.04, 2.01), "podlove": (1.0, 2.0), "fireflies": (0.5, 1.5), "oyez": (0.0, 9.5),
    "turns": (None, None),
}  # fmt: skip

FIELDS = {
    "whisper": {"language": "en", "duration": 4.5},
    "diarized_json": {"duration": 2.0},
    "whisper.cpp": {"language": "de"},
    "deepgram words": {"language": "en", "duration": 9.5},
    "assemblyai utterances": {"language": "en-us", "duration": 12.0},
    "aws labels": {"language": "en-US"},
    "google": {"language": "en-us"},
    "azure batch": {"language": "en-GB", "duration": 62.5},
    "azure fast": {"language": "es-ES", "duration": 2.4},
    "speechmatics": {"language": "en", "duration": 30.0},
    "speechmatics v1": {"language": "en-GB", "duration": 3.0},
    "elevenlabs": {"language": "eng"},
    "fireflies": {"title": "Weekly"},
    "oyez": {"title": "Oral argument"},
    "qmsum": {"metadata": {"reference_summary": "They met."}},
    "gladia": {"title": "Call"},
    "turns": {},
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_gives_every_word(name):
    data, kind, text = SHAPES[name]
    before = json.dumps(data)
    reading = speech.read(data)
    assert (reading.format, reading.words, reading.warnings) == (kind, text, [])
    assert json.dumps(data) == before


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_read_fits_the_schema(name):
    reading = speech.read(SHAPES[name][0])
    record = {"id": "x", "text": reading.words, "speakers": reading.speakers} | reading.fields
    record |= {"segments": reading.segments} if reading.segments else {}
    assert list(schemas.faults("transcript", record)) == []
    times = [time for piece in reading.segments for time in (piece["start"], piece["end"])]
    assert all(time is None or isinstance(time, float) for time in times)


@pytest.mark.parametrize("name", STARTS)
def test_times_are_seconds(name):
    segments = speech.read(SHAPES[name][0]).segments
    assert (segments[0]["start"], segments[-1]["start"]) == STARTS[name]


@pytest.mark.parametrize("name", FIELDS)
def test_language_duration_and_title(name):
    assert speech.read(SHAPES[name][0]).fields == FIELDS[name]


OWN = {  # the text that the service itself made of the words
    "aws labels": lambda data: data["results"]["transcripts"][0]["transcript"],
    "assemblyai words": lambda data: data["text"],
    "elevenlabs": lambda data: data["text"],
    "whisper": lambda data: data["text"],
    "google": lambda data: "well yes no",
    "deepgram channels": lambda data: "One. Two. Three.",
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_words_are_those_of_the_services_own_text(name):
    data = SHAPES[name][0]
    assert " ".join(piece["text"] for piece in speech.read(data).segments).split() == OWN[name](data).split()


@pytest.mark.parametrize("name", ["aws", "whisper", "elevenlabs", "deepgram words"])
def test_words_that_are_missing_are_said(name):
    data = copy.deepcopy(SHAPES[name][0])
    more = " and a good deal more"
    if name == "aws":
        data["results"]["transcripts"][0]["transcript"] += more
    elif name == "deepgram words":
        data["results"]["channels"][0]["alternatives"][0]["transcript"] += more
    else:
        data["text"] += more
    assert "letters of the file's own text" in speech.read(data).warnings[0]


def test_a_segment_is_not_cut_where_its_words_are_not_all_there():
    data = copy.deepcopy(SHAPES["whisperx"][0])
    del data["segments"][0]["words"][1]
    assert speech.read(data).words == "SPEAKER_06: Are you 20? No. Never."


REFUSED = {
    "watson": {"result_index": 0, "results": [{"final": True, "alternatives": [{"transcript": "a b "}]}]},
    "kaldi": {"action": "x", "retval": {"status": True, "punct": "A b.", "words": [{"word": "a", "start": 1}]}},
    "vosk": {"result": [{"word": "a", "start": 1, "end": 2, "conf": 1}], "text": "a"},
    "bare words": [{"word": "a", "start": 1, "end": 2}],
    "one turn without words": [{"speaker": "Ana", "text": "a"}, {"speaker": "Ana", "texts": "b"}],
    "a turn that is no turn": {"segments": [{"start": 0, "text": "a"}, "b"]},
    "chat": {"messages": [{"role": "user", "content": "a"}]},
    "metadata": {"id": 1, "created": "now"},
    "list": [1, 2],
    "empty list in list": [[]],
    "scalar": 7,
    "nothing": None,
    "text": "words",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_is_refused_not_half_read(name):
    with pytest.raises(Unreadable, match="no known transcript shape"):
        speech.read(REFUSED[name])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"results": 1, "created": 2, "id": 3}, "top level: created, id, results; export"),
        ({f"k{n:02}": n for n in range(13)}, "k11, …; export"),
        ([{"b": 1, "a": 2}], "a list of objects with a, b; export"),
        (["x"], "a list of str"),
        ([], "an empty list"),
        ({"a\n\x1b": 1}, "top level: a \\u001b;"),
    ],
)
def test_the_refusal_names_what_is_there_and_what_works(data, said):
    with pytest.raises(Unreadable) as refused:
        speech.read(data)
    assert said in str(refused.value)
    assert ".srt or .vtt" in str(refused.value)


def test_a_damaged_file_is_said_to_be_one():
    with pytest.raises(Unreadable, match=r"Rev JSON is damaged: KeyError 'value'"):
        speech.read({"monologues": [{"elements": [{"type": "text"}]}]})


@pytest.mark.parametrize("data", [{"segments": []}, {"results": {"channels": []}}, {"events": [{"segs": []}]}])
def test_a_shape_without_words_is_empty(data):
    reading = speech.read(data)
    assert (reading.segments, reading.words) == ([], "")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1, 1.0), ("1.25", 1.25), ("1.300s", 1.3), ({"seconds": "2", "nanos": 5e8}, 2.5), ("00:01:02.5", 62.5),
        ("PT1H2M3.5S", 3723.5), (-2.5, -2.5), (True, None), ("soon", None), (math.nan, None), (math.inf, None),
        (10**400, None), (None, None), ([1], None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_seconds(value, seconds):
    assert values.seconds(value) == seconds


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (0, "Speaker 0"), (1.0, "Speaker 1"), ("2", "Speaker 2"), ("A", "Speaker A"), ("SPEAKER_00", "SPEAKER_00"),
        (" Ana\n Lee: ", "Ana Lee"), ({"name": "Bo"}, "Bo"), ("", None), (None, None), (True, None),
        (math.nan, None), (1.5, None), (["x"], None),
    ],
)  # fmt: skip
def test_speaker(value, name):
    assert values.speaker(value) == name


@pytest.mark.parametrize(
    ("said", "own", "cut"),
    [
        (["a", "b."], " a  b. ", [" a", "  b."]),
        (["a", "b"], "ab", ["a", "b"]),
        (["a b", "c"], "a bc", ["a b", "c"]),
        (["a"], "a b", None),
        (["a", "b"], "a", None),
        (["a"], None, None),
        ([], "", []),
    ],
)
def test_a_text_is_cut_where_its_words_end(said, own, cut):
    assert words.spelled(said, own) == cut


def test_sentences_have_the_times_of_their_words():
    said = [("One", "A", 0, 1), (" two.", None, 2, 3), (" ", None, 3, 4), ("\u201cThree", "A", 5, 6),
            ("?\u201d", "A", 6, 7), (" 4", "B", None, None), (".5", "B", 8, 9),
            (" 6", None, None, None)]  # fmt: skip
    pieces = [{"text": text, "speaker": who, "start": start, "end": end} for text, who, start, end in said]
    made = [tuple(piece.values()) for piece in words.sentences(pieces)]
    assert made == [(0, 4, "A", "One two. "), (5, 7, "A", "\u201cThree?\u201d"), (8, 9, "B", " 4.5 6")]


def test_times_that_are_none_are_carried_when_channels_are_interleaved():
    one = [{"start": start, "n": n} for n, start in enumerate((0.0, 5.0, None, 9.0))]
    other = [{"start": 6.0, "n": 10}]
    assert [piece["n"] for piece in words.interleaved([one, other])] == [0, 1, 2, 10, 3]


def test_a_long_file_takes_no_square_of_time():
    said = [{"type": "word", "text": "word", "start": 1, "end": 2}, {"type": "spacing", "text": " "}] * 100_000
    assert len(speech.read({"text": "x", "words": said}).words) == 499_999


KEYS = sorted({key for data, _, _ in SHAPES.values() for key in json.dumps(data).split('"') if key.isidentifier()})
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["1.5", "x", "PT1S", "A", ""])
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)


def safe(data):
    """Read, or refused: and what is read can be used."""
    try:
        reading = speech.read(data)
    except Unreadable:
        return
    assert isinstance(reading.words, str)
    assert all(isinstance(piece["text"], str) and piece["text"].strip() for piece in reading.segments)
    assert all(piece["speaker"] is None or isinstance(piece["speaker"], str) for piece in reading.segments)
    for key in ("start", "end"):
        assert all(piece[key] is None or math.isfinite(piece[key]) for piece in reading.segments)
    assert list(schemas.faults("transcript", {"id": "x", "text": "x"} | reading.fields)) == []


@settings(max_examples=300, deadline=None)
@given(ANYTHING)
def test_any_json_is_read_or_refused(data):
    safe(data)


def places(data, path=()):
    """The path of every value in a file."""
    for key in data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield (*path, key)
        yield from places(data[key], (*path, key))


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(sorted(SHAPES)), st.data())
def test_a_damaged_file_is_read_or_refused(name, draw):
    data = copy.deepcopy(SHAPES[name][0])
    for _ in range(draw.draw(st.integers(1, 2))):
        if not (paths := list(places(data))):
            break
        *path, last = draw.draw(st.sampled_from(paths))
        inner = data
        for key in path:
            inner = inner[key]
        if draw.draw(st.booleans()):
            del inner[last]
        else:
            inner[last] = draw.draw(
                SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(KEYS), SCALARS)
            )
    safe(data)


def test_deep_json_is_refused():
    deep = data = {}
    for _ in range(5000):
        data["response"] = data = {}
    with pytest.raises(Unreadable):
        speech.read(deep)
