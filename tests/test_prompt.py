"""Prompts as files: front matter, system prompt and template; what is wrong is named with its line."""

from __future__ import annotations

import pytest

from pipeline.batch import prompt_file
from pipeline.batch.prompt_variables import prompt
from pipeline.batch.template import template
from pipeline.batch.text_with_times import timed
from pipeline.errors import InputError
from providers.anthropic import Anthropic
from providers.bedrock import Bedrock
from providers.gemini import Gemini
from providers.together import Together
from tests.conftest import ROOT, read_jsonl, write_jsonl

TALK = {"id": "a", "title": "Rye", "text": "words", "metadata": {"guest": "Lena"}, "speakers": ["A", "B"]}


def saved(tmp_path, text):
    path = tmp_path / "p.md"
    path.write_text(text)
    return str(path)


def test_all_parts(tmp_path):
    path = saved(
        tmp_path,
        "---\nabout: x\nmodel: m\nmax_tokens: 7\ntemperature: 0.5\ntop_p: 0.9\nextra: {seed: 3}\n---\n"
        "\nBe brief.\n\n- so\n---\n{{ title }}: {{ text }}\n",
    )
    body = prompt(path).body(TALK)
    assert body == {
        "model": "m", "max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "seed": 3,
        "messages": [{"role": "system", "content": "Be brief.\n\n- so"}, {"role": "user", "content": "Rye: words"}],
    }  # fmt: skip


def test_variables_come_before_the_file(tmp_path):
    path = saved(
        tmp_path, "---\nmodel: m\nmax_tokens: 7\ntemperature: 0.5\nextra: {seed: 3, top_k: 1}\n---\nBe brief."
    )
    (tmp_path / "t.md").write_text("T {{ text }}")
    body = prompt(
        path, str(tmp_path / "t.md"), model="n", max_tokens=9, sampling={"temperature": 0.0, "top_p": None},
        extra='{"seed": 4}', default_model="d",
    ).body(TALK)  # fmt: skip
    assert (body["model"], body["max_tokens"], body["temperature"], body["seed"], body["top_k"]) == (
        "n",
        9,
        0.0,
        4,
        1,
    )
    assert "top_p" not in body and body["messages"][1]["content"] == "T words"


@pytest.mark.parametrize(
    ("text", "system", "user"),
    [
        ("Be brief.", "Be brief.", "words"),
        ("\ufeffBe brief.\r\n---\r\n{{ text }}!\r\n", "Be brief.", "words!"),
        ("---\n---\nBe brief.", "Be brief.", "words"),
        ("---\n# nothing\n---\n---\n{{ text }}", None, "words"),
        ("Say *so* {{ not filled }}", "Say *so* {{ not filled }}", "words"),
    ],
)
def test_parts_that_may_be_missing(text, system, user, tmp_path):
    messages = prompt(saved(tmp_path, text), model="m").body(TALK)["messages"]
    assert [m["content"] for m in messages] == [*([system] if system else []), user]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\nmodle: m\n---\nx", r"p\.md: front matter: no field 'modle'; it may have about, answer, cache"),
        ("---\nmax_tokens: many\n---\nx", r"front matter: \$\.max_tokens: 'many' is not of type 'integer'"),
        ("---\n- m\n---\nx", r"front matter: \$: \['m'\] is not of type 'object'"),
        ("---\na: [\n---\nx", "the front matter is not YAML"),
        ("---\nextra: {model: m}\n---\nx", r"p\.md: extra may not set model"),
        ("---\nabout: x\n---\n", "there is no prompt in it"),
        (" \n", "the file is empty"),
        ("x\n---\n\n{{ text }}\n{{ who }}", r"p\.md:5: \{\{ who \}\} is no field of a transcript; use id, title"),
        ("---\nabout: x\n---\nx\n---\n{{ text }} {{ 7 + }}", r"p\.md:6: "),
        ("x\n---\n{% if text %}", r"p\.md:3: "),
        ("x\n---\nno transcript", "the template has no {{ text }}"),
        ("x\n---\n{{ text | nofilter }}", r"p\.md:3: No filter named 'nofilter'"),
        ("x\n---\n{% if false %}{{ text }}{% endif %}hello", "comes to nothing, so no transcript would be sent"),
        ("x\n---\n{{ text.__class__ }} hello", "comes to nothing"),
        ("---\ntemperature: .nan\n---\nx", r"front matter: "),
    ],
)
def test_what_is_wrong_is_named(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        prompt(saved(tmp_path, text), model="m")


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("{{ text }} {{ show }}|{{ metadata.guest }}|{{ metadata.none }}|{{ metadata.a.b }}", "words |Lena||"),
        ("{% for s in speakers %}{{ s }},{% endfor %}{{ text | upper }}", "A,B,WORDS"),
        ("{% set n = 2 %}{{ n }}{{ text }}", "2words"),
        ("{{ text }}\n", "words"),
    ],
)
def test_the_language_of_templates(text, made):
    assert template(text.strip(), "t")(TALK).strip() == made


@pytest.mark.parametrize(
    "text", ["{{ text.__class__.mro() }}", "{{ text }}{{ metadata.clear() }}", "{{ text }}{{ 1/0 }}"]
)
def test_a_template_is_in_a_sandbox_and_what_it_breaks_is_named(text):
    with pytest.raises(InputError, match="t: a: "):
        template(text, "t")(TALK)


def test_what_a_transcript_says_is_no_template():
    assert template("{{ title }}: {{ text }}", "t")(TALK | {"text": "{{ title }} {% x"}) == "Rye: {{ title }} {% x"


def piece(start, speaker, text):
    return {"start": start, "end": None, "speaker": speaker, "text": text}


def test_timed_has_a_time_for_each_turn_and_each_half_minute():
    segments = [
        piece(0.4, "A", "oats"),
        piece(5, "A", "and"),
        piece(12, "B", "rye"),
        piece(50, "B", "so"),
        piece(3700, "B", "on"),
    ]
    said = timed({"text": "-", "segments": segments})
    assert said == "[0:00:00] A: oats and\n[0:00:12] B: rye\n[0:00:50] B: so\n[1:01:40] B: on"


def test_timed_without_times_or_names():
    assert timed({"text": "plain"}) == timed({"text": "plain", "segments": [piece(None, "A", "x")]}) == "plain"
    assert timed({"text": "-", "segments": [piece(1, None, "x"), piece(None, None, "y")]}) == "[0:00:01] x y"


@pytest.mark.parametrize("path", sorted((ROOT / "data" / "prompts").glob("*.md")), ids=lambda path: path.stem)
def test_the_prompts_that_come_with_it(path):
    made = prompt(str(path), model="m")
    assert "words" in made.body(TALK)["messages"][-1]["content"]
    front = prompt_file.load(str(path)).fields
    assert path.stem == "demo" or (front["about"] and front["example"].strip())


def test_a_name_stands_for_one_of_them(run, tmp_path, monkeypatch):
    talks = write_jsonl(tmp_path / "t.jsonl", [TALK])
    monkeypatch.setattr(prompt_file, "FOLDER", ROOT / "data" / "prompts")
    assert run("batch", talks, "--prompt", "topics", "--model", "m")[0] == 0
    (row,) = read_jsonl(tmp_path / "data/runs/default/together/batch.jsonl")
    assert row["body"]["messages"][0]["content"].startswith("You list what transcripts are about")
    code, said, _ = run("prompts")
    assert (
        code == 0
        and "topics.md: topics, with how much of the talk each takes (max_tokens 800)\n    - the light" in said
    )


def test_preview_is_the_request(run, tmp_path):
    talks = write_jsonl(tmp_path / "t.jsonl", [TALK, TALK | {"id": "b/c", "text": "other \u001b[2Jwords"}])
    assert run("preview")[0] == 2
    run("batch", talks, "--model", "m")
    code, said, _ = run("preview")
    assert code == 0
    assert said.startswith('custom_id  a\nbody       {"max_tokens":4000,"model":"m"}\nsize       about ')
    assert said.endswith("\n--- user ---\nwords\n")
    code, said, _ = run("preview", "--id", "b/c")
    assert said.endswith("--- user ---\nother \\u001b[2Jwords\n")
    code, said, _ = run("preview", "--id", "b/c", "--json")
    assert said.encode().startswith(b'{"custom_id":"b-c-') and said.endswith('"model":"m"}}\n')
    code, _, err = run("preview", "--id", "nobody")
    assert (code, "no transcript has the id 'nobody'" in err) == (2, True)


SHOTS = "shots:\n- user: Oats are up.\n  assistant: oats\n- {user: So is rye., assistant: rye}\n"


@pytest.mark.parametrize("provider", [Together(), Anthropic(), Gemini(), Bedrock()], ids=lambda one: one.name)
def test_shots_stand_before_the_transcript(provider, tmp_path):
    path = saved(tmp_path, f"---\n{SHOTS}---\nBe brief.")
    body = prompt(path, model="m").body(TALK)
    assert [(message["role"], message["content"]) for message in body["messages"]] == [
        ("system", "Be brief."), ("user", "Oats are up."), ("assistant", "oats"), ("user", "So is rye."),
        ("assistant", "rye"), ("user", "words"),
    ]  # fmt: skip
    line = provider.encode({"custom_id": "a", "body": body}).decode()
    at = [line.index(f'"{text}"') for text in ("Oats are up.", "oats", "So is rye.", "rye", "words")]
    assert at == sorted(at)


def test_a_shot_has_both_sides(tmp_path):
    with pytest.raises(InputError, match=r"front matter: \$\.shots\[0\]: 'assistant' is a required property"):
        prompt(saved(tmp_path, "---\nshots: [{user: x}]\n---\nBe brief."), model="m")


def test_a_name_that_no_prompt_has_is_answered_with_those_there_are(tmp_path):
    folder = tmp_path / "data" / "prompts"
    folder.mkdir(parents=True)
    for name in ("chapters", "summary"):
        (folder / f"{name}.md").write_text("x")
    with pytest.raises(InputError, match=r"chapter: No such file .* in PROMPT=, or one of chapters, summary"):
        prompt("chapter", model="m")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\nmodel: m\nBe brief.", "the front matter has no end; close it with a line `---`"),
        ("---\nmodel: [m\nabout: x\n---\nBe brief.", r"p\.md:3: the front matter is not YAML: "),
    ],
)
def test_front_matter_that_is_none_says_where(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        prompt(saved(tmp_path, text), model="m")


def test_a_field_in_the_system_prompt_is_warned_of(run, tmp_path):
    (tmp_path / "a.txt").write_text("oats")
    for text, warned in (("Sum up {{ title }}.", True), ("Write {{ oats }}.\n---\n{{ text }}", False)):
        _, _, err = run("batch", "a.txt", "--model", "m", "--prompt", saved(tmp_path, text))
        assert ("warning: {{ title }} in the system prompt is sent as it stands; below" in err) == warned
